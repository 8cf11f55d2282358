package kernelbench

import (
	"encoding/binary"
	"math"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// Attention is timed near the end of contexts of these lengths, for each way of keeping keys and values; a quick run has
// the middle one.
var contexts = [...]int{1 << 10, 8 << 10, 32 << 10}

// attnDims is the default checkpoint's attention over a context.
func attnDims(context int, kv kernels.KV) kernels.AttnDims {
	return kernels.AttnDims{Layers: 1, NQ: 2, NKV: 1, HeadDim: 256, Rotary: 32, Pages: context / kernels.PageTokens, KV: kv}
}

// attention has as many layers as take an eighth of a rotation of products, so that they come from memory.
func (p *plan) attention() []other {
	lengths := contexts[:]
	if p.Quick {
		lengths = contexts[1:2]
	}
	var list []other
	for _, context := range lengths {
		for kv := kernels.KVPlain; kv <= kernels.KVQ8V3; kv++ {
			d := attnDims(context, kv)
			d.Layers = max(1, p.copies/8/d.PoolBytes())
			list = append(list, other{"attention", kv.Stored(kernels.Fast), [2]int{context, d.HeadDim}, d.Layers, []int{1, 4}, func(b *bench, rows int) ([]queue.Op, int, *cpu.Sweep, error) {
				return b.attend(d, rows)
			}})
		}
	}
	return list
}

// attend is attention of each layer near the end of the context that the pages hold, which lie scattered.
func (b *bench) attend(d kernels.AttnDims, rows int) ([]queue.Op, int, *cpu.Sweep, error) {
	s, err := b.slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: 1, Pages: d.Pages, Rotary: d.Rotary})
	if err != nil {
		return nil, 0, nil, err
	}
	s.Base[0] = int32(d.Pages*kernels.PageTokens - 10)
	for i := range s.Pages {
		s.Pages[i] = int32(i * 5 % d.Pages)
	}
	pool, err := b.alloc(d.PoolBytes())
	if err != nil {
		return nil, 0, nil, err
	}
	fillPool(pool, &d)
	k := d.NQ * d.HeadDim
	q, err := b.random(rows*k, 0.06)
	if err != nil {
		return nil, 0, nil, err
	}
	in, err := b.random(rows*2*k, 1)
	if err != nil {
		return nil, 0, nil, err
	}
	acts, err := b.actsFor(k, rows)
	if err != nil {
		return nil, 0, nil, err
	}
	var ops []queue.Op
	for l := range d.Layers {
		ops = append(ops, &kernels.Attention{S: s, Dims: d, Layer: l, Q: q, In: in, Stride: 2 * k, Pool: pool, Acts: acts})
	}
	return ops, d.PoolBytes() / d.Layers, &cpu.Sweep{Buffers: []queue.Buffer{pool}, Ahead: b.ahead}, nil
}

// fillPool writes small numbers, or any codes with small scales.
func fillPool(pool queue.Buffer, d *kernels.AttnDims) {
	if d.KV == kernels.KVPlain {
		halves := kernels.Halves(pool)
		for i := range halves {
			halves[i] = kernels.BF16(float32(i*7%31-15) / 16)
		}
		return
	}
	mem := pool.Bytes()
	for i := range mem {
		mem[i] = byte(i * 37)
	}
	for at := 0; at < d.PoolBytes(); at += d.HeadBytes() {
		keys, values := mem[at:][:d.KeyBytes()], mem[at+d.KeyBytes():][:d.ValueBytes()]
		for i := d.KeyScales(); i < len(keys); i += 2 {
			binary.LittleEndian.PutUint16(keys[i:], kernels.BF16(1.0/128))
		}
		for i := d.ValueScales(); i < len(values); i += 4 {
			binary.LittleEndian.PutUint32(values[i:], math.Float32bits(1.0/128))
		}
	}
}
