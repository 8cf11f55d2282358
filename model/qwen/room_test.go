package qwen_test

import (
	"errors"
	"strings"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/model/qwen"
)

// narrow is a CPU with as much memory as a test says.
type narrow struct {
	kernels.Device
	free, total int64
}

func (n narrow) Memory() (free, total int64, err error) { return n.free, n.total, nil }

// lent is a CPU of a machine with as much memory as a test says.
type lent struct {
	kernels.Device
	free, total int64
}

func (l lent) Available() (free, total int64) { return l.free, l.total }

// On a device whose memory is committed as it is allocated, pages and context are what fits, and what was asked for and
// does not fit is refused with the numbers.
func TestPagesAreWhatTheDeviceHasMemoryFor(t *testing.T) {
	ck := openDemo(t)
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}()
	open := func(d kernels.Device, o qwen.Options) (*qwen.Model, qwen.Options, error) {
		m, err := qwen.New(d, ck, o)
		if err != nil {
			return nil, o, err
		}
		t.Cleanup(m.Close)
		return m, m.Options(), nil
	}
	base := qwen.Options{Sessions: 4, Lanes: 4, Pages: 4 * 2 * 65}
	m, all, err := open(dev, base)
	if err != nil {
		t.Fatal(err)
	}
	g := m.Pool().Geometry()
	page := int64(g.Layers * g.PageBytes)
	one := all.Pages / 8 // of a session at full context
	// What is needed beside pages: the least memory at which nothing shrinks, less all pages.
	fits := func(free int64) (int, error) {
		_, o, err := open(narrow{dev, free, 1 << 20}, base)
		return o.Pages, err
	}
	low, high := int64(0), int64(64<<30)
	for high-low > page/2 {
		if at := (low + high) / 2; func() bool { n, err := fits(at); return err == nil && n == all.Pages }() {
			high = at
		} else {
			low = at
		}
	}
	beside := high - int64(all.Pages)*page

	if _, o, err := open(narrow{dev, 64 << 30, 80 << 30}, base); err != nil || o.Pages != all.Pages || o.Context != all.Context {
		t.Errorf("with memory enough: %d pages, context %d, %v; want %d and %d", o.Pages, o.Context, err, all.Pages, all.Context)
	}
	if _, o, err := open(narrow{dev, 0, 0}, base); err != nil || o.Pages != all.Pages {
		t.Errorf("on a device without a bound: %d pages, %v; want %d", o.Pages, err, all.Pages)
	}
	if _, o, err := open(narrow{dev, beside + page*int64(one+2), 1 << 20}, base); err != nil || o.Context != all.Context || o.Pages < one || o.Pages > one+2 {
		t.Errorf("with memory for one session: %d pages, context %d, %v; want %d or little more, and %d", o.Pages, o.Context, err, one, all.Context)
	}
	if _, o, err := open(lent{dev, (beside + page*int64(one+2)) / 3 * 4, 1 << 20}, base); err != nil || o.Context != all.Context || o.Pages < one || o.Pages > one+2 {
		t.Errorf("on a machine with memory for one session and a third beside: %d pages, context %d, %v; want %d or little more, and %d", o.Pages, o.Context, err, one, all.Context)
	}
	half := narrow{dev, beside + page*int64(one/2), 1 << 20}
	_, o, err := open(half, base)
	if err != nil || o.Context >= all.Context*6/10 || o.Context < all.Context*4/10 || o.Pages < (o.Context+o.Depth)/64+1 {
		t.Errorf("with memory for half a session: %d pages, context %d of %d, %v", o.Pages, o.Context, all.Context, err)
	}
	spared := base
	spared.SparePages = true
	if _, o, err := open(narrow{dev, beside + page*int64(4*one), 1 << 20}, spared); err != nil || o.Pages < 3*one-2 || o.Pages > 3*one+2 {
		t.Errorf("with memory for four sessions and their copies: %d pages, %v; want %d or so", o.Pages, err, 3*one)
	}
	if m, _, err := open(narrow{dev, 64 << 30, 80 << 30}, base); err != nil {
		t.Error(err)
	} else if spare, bounded := m.Spare(); !bounded || spare < 48<<30 || spare >= 64<<30 {
		t.Errorf("%d bytes to spare of 64 GiB, bounded %v", spare, bounded)
	}
	if _, bounded := m.Spare(); bounded {
		t.Error("the CPU has a bound of its own")
	}
	asked := base
	asked.Context = all.Context
	if _, _, err := open(half, asked); !errors.Is(err, qwen.ErrMemory) || !strings.Contains(err.Error(), "4096 tokens of context need") {
		t.Errorf("with memory for half of what was asked for: %v", err)
	}
	if _, _, err := open(narrow{dev, page, 1 << 20}, base); !errors.Is(err, qwen.ErrMemory) {
		t.Errorf("with memory for nothing: %v", err)
	}
}
