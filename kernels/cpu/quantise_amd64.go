package cpu

func (p *actsForm) quantiseSIMD(int, []float32) bool { return false }
