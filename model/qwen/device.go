package qwen

import (
	"fmt"
	"slices"

	"mtplx/kernels"
	"mtplx/model/weights"
	"mtplx/sched/queue"
)

// matrix shows a stored matrix to a device.
type matrix struct{ m *weights.Matrix }

func (x matrix) Rows() int                           { return x.m.Out }
func (x matrix) Cols() int                           { return x.m.In }
func (x matrix) Bits() int                           { return x.m.Bits }
func (x matrix) Group() int                          { return x.m.Group }
func (x matrix) Codes(dst []uint8, row int)          { x.m.Codes(dst, row) }
func (x matrix) ScaleBias(row, g int) (s, b float32) { return x.m.ScaleBias(row, g) }
func (x matrix) Floats(dst []float32, row int) {
	if x.m.Bits == 0 {
		x.m.Row(dst, row)
		return
	}
	codes := make([]uint8, x.m.In)
	x.m.Codes(codes, row)
	for g := range x.m.In / x.m.Group {
		s, b := x.m.ScaleBias(row, g)
		out := dst[g*x.m.Group:][:x.m.Group]
		for i, c := range codes[g*x.m.Group:][:len(out)] {
			out[i] = kernels.FMA(float32(c), s, b)
		}
	}
}

// uploader puts a checkpoint's tensors on a device. The first error sticks, so that a layer's
// worth of calls can be checked once; everything uploaded is released by release.
type uploader struct {
	dev   kernels.Device
	mode  kernels.Mode
	err   error
	held  []interface{ Release() }
	bytes int64
}

func (u *uploader) weight(m *weights.Matrix, label string) kernels.Weight {
	if u.err != nil {
		return nil
	}
	w, err := u.dev.Load(matrix{m}, u.mode, label)
	if err != nil {
		u.err = fmt.Errorf("load %s [%d][%d]: %w", label, m.Out, m.In, err)
		return nil
	}
	u.held = append(u.held, w)
	u.bytes += w.Bytes()
	return w
}

func (u *uploader) floats(x []float32, label string) queue.Buffer {
	b := u.alloc(4*len(x), label)
	if b != nil {
		copy(kernels.Floats(b), x)
	}
	return b
}

func (u *uploader) alloc(n int, label string) queue.Buffer {
	if u.err != nil {
		return nil
	}
	b, err := u.dev.Alloc(max(n, 64), label)
	if err != nil {
		u.err = fmt.Errorf("allocate %d bytes of %s: %w", n, label, err)
		return nil
	}
	u.held = append(u.held, b)
	return b
}

func (u *uploader) release() {
	for _, h := range slices.Backward(u.held) {
		h.Release()
	}
	u.held = nil
}
