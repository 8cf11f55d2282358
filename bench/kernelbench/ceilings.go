package kernelbench

import (
	"context"

	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// intCeiling is the multiply-adds of all workers on registers, in 10^12 a second.
func (b *bench) intCeiling(ctx context.Context) (float64, error) {
	b.announce("integer ceiling, %d threads", b.dev.Threads())
	const rounds = 20000
	prog, err := b.record(&cpu.Peak{Rounds: rounds})
	if err != nil {
		return 0, err
	}
	v := &variant{programs: []queue.Program{prog}}
	if err := b.rounds(ctx, b.ceiling, []*variant{v}); err != nil {
		return 0, err
	}
	macs := float64(rounds) * float64(b.dev.PeakMACs()) * float64(b.dev.Threads())
	return macs / float64(b.took(v).Nanoseconds()) / 1e3, nil
}

// readCeiling is the read loop over as much memory as a rotation takes, in 10^9 bytes a second.
func (b *bench) readCeiling(ctx context.Context) (float64, error) {
	b.announce("read ceiling, %d threads", b.dev.Threads())
	defer b.free()
	const piece = 32 << 20
	// The best of these is the read loop that everything else is set beside.
	list := make([]*variant, len(cpu.Aheads))
	for i := range list {
		list[i] = &variant{}
	}
	for range (b.copies + piece - 1) / piece {
		buf, err := b.alloc(piece)
		if err != nil {
			return 0, err
		}
		// Every page must be real: the system maps untouched ones to a single page of zeros.
		mem := buf.Bytes()
		for i := 0; i < len(mem); i += 4096 {
			mem[i] = 1
		}
		for i, ahead := range cpu.Aheads {
			prog, err := b.record(&cpu.Sweep{Buffers: []queue.Buffer{buf}, Ahead: ahead})
			if err != nil {
				return 0, err
			}
			list[i].programs = append(list[i].programs, prog)
		}
	}
	if err := b.rounds(ctx, b.ceiling, list); err != nil {
		return 0, err
	}
	best := 0.0
	for i, v := range list {
		if gbs := piece / float64(b.took(v).Nanoseconds()); gbs > best {
			best, b.ahead = gbs, cpu.Aheads[i]
		}
	}
	return best, nil
}
