//go:build cuda && linux

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
)

// backend is one GPU. Contexts belong to threads, so whoever calls the driver holds its thread
// and enters first.
type backend struct {
	dev      int32
	early    bool // kernels wait for their predecessors themselves
	ctx      uintptr
	module   uintptr
	copies   uintptr // the stream of copies outside programs
	captures uintptr // the stream that graphs are captured on

	mu        sync.Mutex
	functions map[string]uintptr
	lost      error

	copying sync.Mutex    // one copy outside programs at a time
	making  sync.Mutex    // one graph at a time
	mirrors atomic.Uint64 // made so far
}

var (
	_ gpu.Backend      = (*backend)(nil)
	_ kernels.Confined = (*backend)(nil)
)

// enter makes the context current on the calling thread, which must be locked.
func (b *backend) enter() error { return cuCtxSetCurrent.quick(b.ctx, 0, 0, 0) }

// within runs f on a locked thread with the context current.
func (b *backend) within(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := b.alive(); err != nil {
		return err
	}
	if err := b.enter(); err != nil {
		return err
	}
	return b.judge(f())
}

func (b *backend) alive() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

// judge remembers errors after which the context is of no more use.
func (b *backend) judge(err error) error {
	if err == nil {
		return nil
	}
	return b.condemn(err)
}

func (b *backend) condemn(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch r := e.Result; {
	case r >= illegalAddress && r <= launchFailed, r == noDevice, r == invalidDevice:
		err = fmt.Errorf("the GPU failed and every queue on it has ended; restart the program: %w", err)
		b.mu.Lock()
		b.lost = err
		b.mu.Unlock()
	}
	return err
}

func newStream() (uintptr, error) {
	s := new(uintptr)
	err := cuStreamCreate.must(uintptr(unsafe.Pointer(s)), streamNonBlocking)
	return *s, err
}

// Copy moves bytes within the device.
func (b *backend) Copy(dst gpu.Memory, dstOff int, src gpu.Memory, srcOff, n int) error {
	to, from := dst.(*memory), src.(*memory)
	if n == 0 {
		return nil
	}
	return b.within(func() error {
		b.copying.Lock()
		defer b.copying.Unlock()
		for _, m := range []*memory{from, to} {
			if err := m.push(b.copies); err != nil {
				return err
			}
		}
		if err := cuMemcpyDtoDAsync.must(to.ptr+uintptr(dstOff), from.ptr+uintptr(srcOff), uintptr(n), b.copies); err != nil {
			return err
		}
		to.written()
		return cuStreamSynchronize.must(b.copies)
	})
}

// Close gives the GPU back, once nobody is making a graph.
func (b *backend) Close() error {
	b.making.Lock()
	defer b.making.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := b.enter(); err != nil {
		return err
	}
	if b.alive() == nil {
		cuStreamDestroy.call(b.copies)
		cuStreamDestroy.call(b.captures)
		cuModuleUnload.call(b.module)
	}
	return cuDevicePrimaryCtxRelease.must(uintptr(b.dev))
}
