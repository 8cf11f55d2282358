package ref

import (
	"fmt"

	"mtplx/kernels"
)

// weight keeps a matrix as it came: a code a byte, scales and biases in float32.
type weight struct {
	dev                     *Device
	rows, cols, bits, group int
	form                    kernels.Form
	codes                   []uint8   // [rows][cols]
	scale, bias             []float32 // [rows][groups]
	plain                   []float32 // [rows][cols] when bits is 0
}

func (w *weight) Rows() int          { return w.rows }
func (w *weight) Cols() int          { return w.cols }
func (w *weight) Form() kernels.Form { return w.form }
func (w *weight) Bytes() int64 {
	return int64(len(w.codes)) + 4*int64(len(w.scale)+len(w.bias)+len(w.plain))
}
func (w *weight) Release() { w.codes, w.scale, w.bias, w.plain = nil, nil, nil, nil }

// groups is the number of scales of a row.
func (w *weight) groups() int { return (w.cols + w.group - 1) / w.group }

// Load copies m. An unknown width or group, or a code that the width cannot hold, is an error.
func (d *Device) Load(m kernels.Matrix, mode kernels.Mode, label string) (kernels.Weight, error) {
	w := &weight{dev: d, rows: m.Rows(), cols: m.Cols(), bits: m.Bits()}
	if w.rows < 1 || w.cols < 1 {
		return nil, fmt.Errorf("load weight %s: shape %dx%d is empty", label, w.rows, w.cols)
	}
	if mode > kernels.Float32 {
		return nil, fmt.Errorf("load weight %s: numeric mode %d is unknown", label, mode)
	}
	switch w.bits {
	case 0:
		w.plain = make([]float32, w.rows*w.cols)
		for n := range w.rows {
			m.Floats(w.plain[n*w.cols:(n+1)*w.cols], n)
		}
		w.form = kernels.FormFor(mode, 0, 0)
		return w, nil
	case 2, 3, 4, 5, 6, 8:
	default:
		return nil, fmt.Errorf("load weight %s: %d bits a code are unknown; expecting 2, 3, 4, 5, 6 or 8, or 0 for floats", label, w.bits)
	}
	w.group = m.Group()
	if w.group != 32 && w.group != 64 && w.group != 128 {
		return nil, fmt.Errorf("load weight %s: groups of %d are unknown; expecting 32, 64 or 128", label, w.group)
	}
	w.form = kernels.FormFor(mode, w.bits, w.group)
	w.codes = make([]uint8, w.rows*w.cols)
	for n := range w.rows {
		row := w.codes[n*w.cols : (n+1)*w.cols]
		m.Codes(row, n)
		for k, c := range row {
			if int(c) >= 1<<w.bits {
				return nil, fmt.Errorf("load weight %s: code %d of row %d is %d, which %d bits cannot hold", label, k, n, c, w.bits)
			}
		}
		for g := range w.groups() {
			scale, bias := m.ScaleBias(n, g)
			w.scale = append(w.scale, scale)
			w.bias = append(w.bias, bias)
		}
	}
	return w, nil
}

// value is element k of row n in float32.
func (w *weight) value(n, k int) float32 {
	if w.bits == 0 {
		return w.plain[n*w.cols+k]
	}
	g := n*w.groups() + k/w.group
	return kernels.FMA(float32(w.codes[n*w.cols+k]), w.scale[g], w.bias[g])
}

// read writes row n in float32.
func (w *weight) read(dst []float32, n int) {
	for k := range w.cols {
		dst[k] = w.value(n, k)
	}
}

// weightOf is a weight that this package loaded.
func weightOf(k kernels.Weight, what string) (*weight, error) {
	w, ok := k.(*weight)
	if !ok {
		return nil, fmt.Errorf("%s was loaded by another device", what)
	}
	if w.codes == nil && w.plain == nil {
		return nil, fmt.Errorf("%s was released", what)
	}
	return w, nil
}
