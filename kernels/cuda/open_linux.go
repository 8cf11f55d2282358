//go:build cuda && linux

package cuda

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"runtime"
	"unsafe"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
)

// The kernels' text for compute capability 8.0, and for 9.0, where a kernel may start before the
// one before it has ended.
//
//go:generate ./generate.sh
var (
	//go:embed kernels_80.ptx.gz
	ptx80 []byte
	//go:embed kernels_90.ptx.gz
	ptx90 []byte
)

// unpack is the text ended by a zero byte, as the driver wants it.
func unpack(compressed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("unpack the kernels: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack the kernels: %w", err)
	}
	return append(text, 0), nil
}

// Built tells whether this program has CUDA.
const Built = true

// Open starts the GPU of the given number, counted from 0.
func Open(ordinal int) (kernels.Device, error) {
	b, t, err := open(ordinal)
	if err != nil {
		return nil, fmt.Errorf("open cuda:%d: %w", ordinal, err)
	}
	d, err := gpu.New(t, b)
	if err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("open cuda:%d: %w", ordinal, err)
	}
	return d, nil
}

// walkers is gpu.Traits.Walkers: the products' launch bounds ask for as many.
const walkers = 3

// tiling is gpu.Traits.Tiles: one for so many processors.
const tiling = 2

// queries is gpu.Traits.Queries: the fewest rows for which tiles were measured, and they won.
const queries = 8

// many is gpu.Traits.Many: the rows from which a lane's are a prompt's.
const many = 17

// direct is gpu.Traits.Direct: what comes a second time comes again. A run whose launches are put one by one took 38 us longer
// than a replay of the default model and 390 us of the 27B shape; making what is replayed takes a processor 0.3 to 2.2 ms, and
// runs beside it nothing.
const direct = 1

// streaming is gpu.Traits.Streams for each processor.
const streaming = 12

func open(ordinal int) (*backend, gpu.Traits, error) {
	var t gpu.Traits
	if err := driver(); err != nil {
		return nil, t, err
	}
	n, dev := new(int32), new(int32)
	if err := cuDeviceGetCount.must(uintptr(unsafe.Pointer(n))); err != nil {
		return nil, t, err
	}
	if ordinal < 0 || ordinal >= int(*n) {
		return nil, t, fmt.Errorf("the driver shows %d GPUs, numbered from 0", *n)
	}
	if err := cuDeviceGet.must(uintptr(unsafe.Pointer(dev)), uintptr(ordinal)); err != nil {
		return nil, t, err
	}
	name := make([]byte, 128)
	if err := cuDeviceGetName.must(uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)-1), uintptr(*dev)); err != nil {
		return nil, t, err
	}
	attribute := func(which int) (int, error) {
		v := new(int32)
		err := cuDeviceGetAttribute.must(uintptr(unsafe.Pointer(v)), uintptr(which), uintptr(*dev))
		return int(*v), err
	}
	var values [3]int
	for i, a := range []int{attrMajor, attrMinor, attrUnits} {
		var err error
		if values[i], err = attribute(a); err != nil {
			return nil, t, err
		}
	}
	t = gpu.Traits{
		Name: fmt.Sprintf("cuda:%d (%s)", ordinal, cString(&name[0])), Tier: fmt.Sprintf("sm_%d%d", values[0], values[1]),
		Units: values[2], Matrix: true, Fused: true, Lines: true, Walkers: walkers, Streams: streaming * values[2], Tiles: values[2] / tiling, Queries: queries, Many: many, Direct: direct,
	}
	if values[0] < 8 {
		return nil, t, fmt.Errorf("%s has compute capability %d.%d; the kernels need 8.0 or newer", t.Name, values[0], values[1])
	}
	b, err := newBackend(*dev, values[0] >= 9)
	return b, t, err
}

// newBackend takes the GPU's context and loads the kernels.
func newBackend(dev int32, early bool) (*backend, error) {
	b := &backend{dev: dev, early: early, functions: map[string]uintptr{}}
	ctx := new(uintptr)
	if err := cuDevicePrimaryCtxRetain.must(uintptr(unsafe.Pointer(ctx)), uintptr(dev)); err != nil {
		return nil, err
	}
	b.ctx = *ctx
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := b.enter()
	if err == nil {
		err = b.load()
	}
	if err == nil {
		b.copies, err = newStream()
	}
	if err == nil {
		b.captures, err = newStream()
	}
	if err != nil {
		cuDevicePrimaryCtxRelease.call(uintptr(dev))
		return nil, err
	}
	return b, nil
}

// load hands the kernels to the driver, which compiles them for its card.
func (b *backend) load() error {
	compressed := ptx80
	if b.early {
		compressed = ptx90
	}
	text, err := unpack(compressed)
	if err != nil {
		return err
	}
	module := new(uintptr)
	log := make([]byte, 8192)
	options := []uint32{jitErrorLog, jitErrorLogBytes}
	values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	err = cuModuleLoadDataEx.must(uintptr(unsafe.Pointer(module)), uintptr(unsafe.Pointer(&text[0])), uintptr(len(options)),
		uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0])))
	runtime.KeepAlive(log)
	if err != nil {
		return fmt.Errorf("compile the kernels for the card: %w %s", err, cString(&log[0]))
	}
	b.module = *module
	return nil
}

// function is a kernel by name.
func (b *backend) function(name string) (uintptr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f, ok := b.functions[name]; ok {
		return f, nil
	}
	f := new(uintptr)
	c := append([]byte(name), 0)
	if err := cuModuleGetFunction.must(uintptr(unsafe.Pointer(f)), b.module, uintptr(unsafe.Pointer(&c[0]))); err != nil {
		return 0, fmt.Errorf("find kernel %s: %w", name, err)
	}
	b.functions[name] = *f
	return *f, nil
}
