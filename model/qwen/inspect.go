package qwen

import (
	"mtplx/kernels"
	"mtplx/sched/page"
)

// DeltaState copies what a session's delta layer remembers: the last three rows of q, k and v before
// the convolution [3][conv dim], oldest first, and the recurrent state [value heads][key dim][value
// dim]. Only right after a commit without tape rows to fold; nil when the model has no such layer.
func (m *Model) DeltaState(s *page.State, layer int) (conv, state []float32) {
	d := m.deltaDims
	tape, _, fold := s.Tapes()
	if layer >= d.Layers || fold != 0 {
		return nil, nil
	}
	raw := kernels.Floats(m.pool.Tapes)[int(tape)*d.TapeBytes()/4+layer*d.TapeWords():]
	conv = append(conv, raw[:(kernels.ConvTaps-1)*d.ConvDim()]...)
	words := kernels.Floats(m.pool.Recurrent)[int(s.Slot())*d.StateBytes()/4+layer*d.StateWords():]
	for h := range d.HV {
		for r := range d.DK {
			for c := range d.DV {
				state = append(state, words[((h*d.Strips()+c/16)*d.DK+r)*16+c%16])
			}
		}
	}
	return conv, state
}
