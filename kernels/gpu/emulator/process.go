//go:build unix

package emulator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"mtplx/kernels/gpu"
)

// patience is how long a graph may run before the child is taken to loop for ever.
const patience = 3 * time.Minute

// Process is the emulator as a child process. It is safe for concurrent use: graphs take turns.
type Process struct {
	arena   *arena
	options Options
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     io.Reader
	stderr  bytes.Buffer

	mu    sync.Mutex
	timer *time.Timer
	head  [8]byte
	dead  error
}

var errClosed = errors.New("the GPU emulator is closed")

var (
	_ gpu.Backend = (*Process)(nil)
	_ gpu.Stream  = stream{}
)

func start(path string, size int, o Options) (*Process, error) {
	a, err := newArena(size)
	if err != nil {
		return nil, err
	}
	//nolint:noctx // the child lives until Close, whatever context started it
	p := &Process{arena: a, options: o, cmd: exec.Command(path, strconv.Itoa(size))}
	p.cmd.ExtraFiles = []*os.File{a.file}
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		if p.out, err = p.cmd.StdoutPipe(); err == nil {
			err = p.cmd.Start()
		}
	}
	if err != nil {
		_ = a.close()
		return nil, err
	}
	p.timer = time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	p.timer.Stop()
	return p, nil
}

// Alloc gives zeroed memory that parent and child share.
func (p *Process) Alloc(size int, _ string) (gpu.Memory, error) { return p.arena.alloc(size) }

// Copy moves bytes.
func (p *Process) Copy(dst gpu.Memory, dstOff int, src gpu.Memory, srcOff, n int) error {
	copy(dst.Bytes()[dstOff:dstOff+n], src.Bytes()[srcOff:srcOff+n])
	return nil
}

// graph is a request as it goes to the child.
type graph struct{ request []byte }

func (graph) Release() {}

// Record writes the request.
func (p *Process) Record(_ string, launches []gpu.Launch) (gpu.Graph, error) {
	le := binary.LittleEndian
	ftz := uint32(0)
	if p.options.Flush {
		ftz = 1
	}
	b := le.AppendUint32(nil, uint32(len(launches)))
	b = le.AppendUint32(le.AppendUint32(b, p.options.Seed), ftz)
	for _, l := range launches {
		b = append(le.AppendUint32(b, uint32(len(l.Kernel))), l.Kernel...)
		for _, v := range [...]uint32{l.Grid[0], l.Grid[1], l.Grid[2], l.Threads, uint32(len(l.Args))} {
			b = le.AppendUint32(b, v)
		}
		for _, a := range l.Args {
			if a.Mem == nil {
				b = le.AppendUint64(le.AppendUint64(b, ^uint64(0)), uint64(len(a.Data)))
				b = append(b, a.Data...)
				continue
			}
			m := a.Mem.(*memory)
			b = le.AppendUint64(le.AppendUint64(b, uint64(m.at+a.At)), uint64(m.size-a.At))
		}
	}
	return &graph{b}, nil
}

// stream is the child itself: one at a time.
type stream struct{ p *Process }

// NewStream gives a stream; all of a process take turns.
func (p *Process) NewStream(string) (gpu.Stream, error) { return stream{p}, nil }

func (s stream) Close() error { return nil }

func (s stream) Run(g gpu.Graph) error {
	p := s.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != nil {
		return p.dead
	}
	p.timer.Reset(patience)
	defer p.timer.Stop()
	text, err := p.ask(g.(*graph).request)
	if err != nil {
		_ = p.cmd.Process.Kill()
		why := p.cmd.Wait()
		p.dead = fmt.Errorf("the GPU emulator died: %w %s", errors.Join(err, why), p.stderr.String())
		return p.dead
	}
	if found := int32(binary.LittleEndian.Uint32(p.head[:])); found != 0 {
		return fmt.Errorf("the GPU emulator found %d faults:\n%s", found, strings.TrimSpace(text))
	}
	return nil
}

func (p *Process) ask(request []byte) (text string, err error) {
	if _, err := p.in.Write(request); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(p.out, p.head[:]); err != nil {
		return "", err
	}
	n := binary.LittleEndian.Uint32(p.head[4:])
	if n == 0 {
		return "", nil
	}
	b := make([]byte, n)
	_, err = io.ReadFull(p.out, b)
	return string(b), err
}

// Close ends the child.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead == nil {
		p.dead = errClosed
		_ = p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			_ = p.arena.close()
			return fmt.Errorf("end the GPU emulator: %w %s", err, p.stderr.String())
		}
	}
	return p.arena.close()
}
