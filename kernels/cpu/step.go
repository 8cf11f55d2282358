package cpu

import (
	"fmt"

	"mtplx/sched/queue"
)

// step is one compiled operation. run is called once by every worker t of n, at the same time,
// and returns when that worker's share is done; the steps of a program are separated by
// barriers. run allocates nothing and reads what varies from kernels.Slots.
type step interface{ run(t, n int) }

// sequence is several steps that one operation needs, with barriers between them. A program
// takes it apart when it is recorded; it is never run itself.
type sequence []step

func (sequence) run(int, int) { panic("cpu: a sequence of steps was not taken apart") }

// compiler turns an operation into a step, checking its operands.
type compiler func(d *Device, op queue.Op) (step, error)

var compilers = map[string]compiler{}

// register names the compiler of an operation of the catalogue; each operation's file calls it
// from init.
func register(kernel string, compile compiler) {
	if _, dup := compilers[kernel]; dup {
		panic("cpu: operation registered twice: " + kernel)
	}
	compilers[kernel] = compile
}

// compile is the step of op. Missing operands make compilers fault on nil pointers, which is
// the recorder's error and is reported as such.
func (d *Device) compile(op queue.Op) (s step, err error) {
	f := compilers[op.Kernel()]
	if f == nil {
		return nil, fmt.Errorf("compile operation %q: the CPU device does not know it", op.Kernel())
	}
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("compile operation %q: bad operands: %v", op.Kernel(), r)
		}
	}()
	if s, err = f(d, op); err != nil {
		return nil, fmt.Errorf("compile operation %q: %w", op.Kernel(), err)
	}
	return s, nil
}

// flatten appends the steps of s to dst.
func flatten(dst []step, s step) []step {
	seq, ok := s.(sequence)
	if !ok {
		return append(dst, s)
	}
	for _, inner := range seq {
		dst = flatten(dst, inner)
	}
	return dst
}

// share is worker t's part of `units` equal pieces of work: [from, to).
func share(units, t, n int) (from, to int) { return units * t / n, units * (t + 1) / n }
