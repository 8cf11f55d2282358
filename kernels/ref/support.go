package ref

import (
	"fmt"
	"math"

	"mtplx/kernels"
)

// supportChunk is the number of entries that share a maximum in Z.
const supportChunk = 4096

// PartitionSum is the greatest of x and Z = sum of exp((x-max)*invT) in the catalogue's order. A
// NaN among x makes z NaN.
func PartitionSum(x []float32, invT float32) (top, z float32) {
	for from := 0; from < len(x); from += supportChunk {
		chunk := x[from:min(from+supportChunk, len(x))]
		m := chunk[0]
		for _, v := range chunk {
			if v > m {
				m = v
			}
		}
		var acc [16]float32
		for i, v := range chunk {
			acc[i%16] += kernels.Exp(float32((v - m) * invT))
		}
		zc := kernels.Tree16(&acc)
		if from == 0 {
			top, z = m, zc
			continue
		}
		n := max(top, m)
		old := float32(z * kernels.Exp(float32((top-n)*invT)))
		add := float32(zc * kernels.Exp(float32((m-n)*invT)))
		top, z = n, old+add
	}
	return top, z
}

func bindSupport(o *kernels.Support) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if o.Blocks == nil && o.Most != 0 {
		return nil, fmt.Errorf("%d blocks a row were announced and none given", o.Most)
	}
	if most := o.Vocab + kernels.BlockOutputs*o.Most; o.Vocab < 1 || most > o.Stride {
		return nil, fmt.Errorf("%d entries do not fit rows of %d", most, o.Stride)
	}
	logits, err := floats(o.Logits, "logits", 0)
	if err != nil {
		return nil, err
	}
	if _, err := floats(o.Out, "output", s.Dims.Logits*kernels.SupportWords); err != nil {
		return nil, err
	}
	out := kernels.Int32s(o.Out)
	bits := func(f float32) int32 { return int32(math.Float32bits(f)) }
	return func() error {
		for i := range s.Logits() {
			row, err := rowOf(logits, i, o.Stride, "the logits")
			if err != nil {
				return err
			}
			entries := o.Vocab
			if o.Blocks != nil {
				entries += kernels.BlockOutputs * int(kernels.Int32s(o.Blocks)[i*(1+o.Most)])
			}
			row = row[:entries]
			w := out[i*kernels.SupportWords : (i+1)*kernels.SupportWords]
			top, z := PartitionSum(row, s.InvT[i])
			ids := w[4 : 4+kernels.SupportTop]
			n := Top(ids, row)
			w[0], w[1], w[2], w[3] = bits(top), bits(z), int32(n), 0
			for k, id := range ids[:n] {
				w[4+kernels.SupportTop+k] = bits(row[id])
			}
		}
		return nil
	}, nil
}

func bindGuess(o *kernels.Guess) (func() error, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if _, err := floats(o.Tokens, "the tokens", o.S.Dims.Rows); err != nil {
		return nil, err
	}
	return func() error {
		for r := range o.S.Rows() {
			if err := o.Run(r); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
