package api

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"mtplx/api/output"
	"mtplx/api/request"
	"mtplx/api/sse"
)

// answer runs a job and answers its request: with a stream of frames, or with one body.
func (c *call) answer(j *job, enc encoder, ping []byte, body func(choices []output.Choice, u *output.Usage) []byte) error {
	if j.req.Stream {
		c.stream(j, enc, ping)
		return nil
	}
	ctx, cancel := context.WithCancelCause(c.srv.base)
	defer cancel(nil)
	stop := sse.Watch(c.Conn(), func() { cancel(sse.ErrGone) })
	to := &collector{choices: make([]output.Choice, len(j.choices)), req: j.req}
	err := j.run(ctx, to)
	stop()
	if err != nil {
		if e := j.asRequestError(err); e != nil {
			return e
		}
		c.SetStatusCode(499) // nobody reads it; the log shows it
		c.SetConnectionClose()
		return nil
	}
	return c.json(body(to.choices, &j.usage))
}

// nothing answers a request that asks for no text.
func (c *call) nothing(r *request.Request, enc encoder, body []byte) error {
	if !r.Stream {
		return c.json(body)
	}
	frames := enc.Close(enc.Finish(enc.Open(nil), 0, output.Finish{Reason: "stop"}), &output.Usage{})
	sse.Respond(c.RequestCtx, c.srv.base, sse.Options{Stall: c.srv.cfg.Stall}, func(_ context.Context, w *sse.Writer) {
		_ = w.Send(frames)
	})
	return nil
}

// collector gathers whole answers.
type collector struct {
	choices []output.Choice
	req     *request.Request
}

func (to *collector) piece(i int, p output.Piece) error {
	ch := &to.choices[i]
	for _, e := range p.Events {
		ch.Add(e)
	}
	ch.Logprobs = append(ch.Logprobs, p.Logprobs...)
	if to.req.ReturnTokens {
		ch.Tokens = append(ch.Tokens, p.Tokens...)
	}
	return nil
}

func (to *collector) finished(i int, f output.Finish) error {
	to.choices[i].Finish = f
	return nil
}

// stream answers with events. The job runs in the stream's own goroutine, after the handler.
func (c *call) stream(j *job, enc encoder, ping []byte) {
	srv := c.srv
	sse.Respond(c.RequestCtx, srv.base, sse.Options{Stall: srv.cfg.Stall, Ping: srv.cfg.Ping, PingFrame: ping}, func(ctx context.Context, w *sse.Writer) {
		defer func() {
			if p := recover(); p != nil {
				srv.cfg.Log.Error("panic", "request", j.flight.Request, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				j.abandon()
			}
		}()
		to := &sender{enc: enc, out: w}
		to.buf = enc.Open(to.buf[:0])
		err := w.Send(to.buf)
		if err != nil {
			j.abandon()
			return
		}
		err = j.run(ctx, to)
		if err == nil {
			to.buf = enc.Close(to.buf[:0], &j.usage)
		} else {
			e := j.asRequestError(err)
			if e == nil || to.failed {
				return
			}
			to.buf = enc.Fail(to.buf[:0], e)
		}
		if err := w.Send(to.buf); err != nil && !errors.Is(err, sse.ErrGone) {
			srv.cfg.Log.Debug("stream's end was not sent", "request", j.flight.Request, "error", err)
		}
	})
}

// sender sends frames as they come.
type sender struct {
	enc    encoder
	out    *sse.Writer
	buf    []byte
	failed bool // the client cannot be reached
}

func (to *sender) send() error {
	if len(to.buf) == 0 {
		return nil
	}
	if err := to.out.Send(to.buf); err != nil {
		to.failed = true
		return errors.Join(sse.ErrGone, err)
	}
	return nil
}

func (to *sender) piece(i int, p output.Piece) error {
	to.buf = to.enc.Piece(to.buf[:0], i, p)
	return to.send()
}

func (to *sender) finished(i int, f output.Finish) error {
	to.buf = to.enc.Finish(to.buf[:0], i, f)
	return to.send()
}
