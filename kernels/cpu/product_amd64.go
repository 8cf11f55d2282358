package cpu

func (r *pass) simd() bool { return false }
