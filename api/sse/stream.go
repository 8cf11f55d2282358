package sse

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Options are how a stream behaves.
type Options struct {
	// Stall is how long one write may be stuck before the client is dropped; 0: for ever. It is kept
	// by the connection's write deadline, which a stream leaves behind: a server that keeps connections
	// alive sets a deadline of its own for every response.
	Stall time.Duration
	Ping  time.Duration // silence after which PingFrame is sent; 0: never
	// PingFrame is a whole frame with its empty line; the default is a comment, which clients skip.
	PingFrame []byte
}

// comment is a frame without an event.
var comment = []byte(": ping\n\n")

// Writer sends frames of one stream.
type Writer struct {
	opt  Options
	conn net.Conn

	mu    sync.Mutex
	out   *bufio.Writer
	err   error
	timer *time.Timer // sends pings; nil without
}

// Respond answers ctx with an event stream. run writes it, in a goroutine of its own that outlives the
// handler; it must not use ctx. Its context ends when base does, or with the cause ErrGone when the client
// goes. The response ends when run returns.
func Respond(ctx *fasthttp.RequestCtx, base context.Context, o Options, run func(context.Context, *Writer)) { //nolint:revive // ctx is no context.Context in this sense
	ctx.SetContentType("text/event-stream; charset=utf-8")
	ctx.Response.Header.Set("Cache-Control", "no-cache")
	ctx.Response.Header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	ctx.Response.ImmediateHeaderFlush = true
	if o.PingFrame == nil {
		o.PingFrame = comment
	}
	peer := ctx.Conn() // ctx itself is off limits in the writer
	ctx.SetBodyStreamWriter(func(out *bufio.Writer) {
		c, cancel := context.WithCancelCause(base)
		defer cancel(nil)
		defer Watch(peer, func() { cancel(ErrGone) })()
		w := &Writer{opt: o, conn: peer, out: out}
		w.start()
		defer w.close()
		run(c, w)
	})
}

// Send writes one or more whole frames and flushes them. An error means that the client cannot be
// reached; later calls return it too.
func (w *Writer) Send(frames []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Reset(w.opt.Ping)
	}
	return w.write(frames)
}

func (w *Writer) write(frames []byte) error {
	if w.err != nil {
		return w.err
	}
	w.extend()
	if _, w.err = w.out.Write(frames); w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// extend moves the deadline: a stalled reader, not a long answer, is the fault.
func (w *Writer) extend() {
	if w.opt.Stall > 0 {
		_ = w.conn.SetWriteDeadline(time.Now().Add(w.opt.Stall))
	}
}

func (w *Writer) start() {
	if w.opt.Ping <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.opt.Ping, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.write(w.opt.PingFrame) == nil {
			w.timer.Reset(w.opt.Ping)
		}
	})
}

var errEnded = errors.New("the stream has ended")

// close keeps a late ping from writing into a buffer that is someone else's by then.
func (w *Writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.err == nil {
		w.err = errEnded
	}
	w.extend() // for the end of the body, which the server writes
}
