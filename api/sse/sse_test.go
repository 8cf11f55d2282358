package sse

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is far above every expected delay; only a fault reaches it.
const patience = time.Minute

// rig is a server on one kind of socket. The cause of every stream's end arrives in ended.
type rig struct {
	dial  func() net.Conn
	ended chan error
	step  chan struct{} // lets /count write its next event
	began chan struct{} // by a handler that waits
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func serve(t testing.TB, kind string, opt Options) *rig {
	t.Helper()
	r := &rig{ended: make(chan error, 16), step: make(chan struct{}, 16), began: make(chan struct{}, 1)}
	network, addr := "tcp", "127.0.0.1:0"
	if kind == "unix" {
		network, addr = "unix", filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	if kind == "tls" {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"http/1.1"}})
	}
	s := &fasthttp.Server{Handler: r.handle(opt), CloseOnShutdown: true, Logger: quiet{}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(Listener{ln}) }()
	var open []net.Conn
	t.Cleanup(func() {
		for _, c := range open {
			_ = c.Close()
		}
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	r.dial = func() net.Conn {
		c, err := net.Dial(network, at)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "tls" {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		open = append(open, c)
		return c
	}
	return r
}

func (r *rig) handle(opt Options) fasthttp.RequestHandler {
	respond := func(ctx *fasthttp.RequestCtx, run func(context.Context, *Writer)) {
		Respond(ctx, context.Background(), opt, func(c context.Context, w *Writer) {
			run(c, w)
			r.ended <- context.Cause(c)
		})
	}
	return func(ctx *fasthttp.RequestCtx) {
		_ = ctx.Conn().SetWriteDeadline(time.Time{})
		switch string(ctx.Path()) {
		case "/hang": // one event, then silence
			respond(ctx, func(c context.Context, w *Writer) {
				_ = w.Send([]byte("data: hello\n\n"))
				<-c.Done()
			})
		case "/count":
			respond(ctx, func(c context.Context, w *Writer) {
				for i := range 5 {
					select {
					case <-r.step:
					case <-c.Done():
						return
					}
					if w.Send(fmt.Appendf(nil, "data: %d\n\n", i)) != nil {
						return
					}
				}
			})
		case "/flood":
			big := []byte("data: " + strings.Repeat("x", 64<<10) + "\n\n")
			respond(ctx, func(_ context.Context, w *Writer) {
				for w.Send(big) == nil {
				}
			})
		case "/wait": // no stream: a handler that waits for something else
			gone := make(chan struct{})
			stop := Watch(ctx.Conn(), func() { close(gone) })
			r.began <- struct{}{}
			<-gone
			stop()
			r.ended <- ErrGone
		default:
			ctx.SetBodyString("ok " + string(ctx.PostBody()))
		}
	}
}

func get(c net.Conn, path string) *bufio.Reader {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	return bufio.NewReader(c)
}

func until(t testing.TB, r *bufio.Reader, s string) {
	t.Helper()
	for {
		l, err := r.ReadString('\n')
		if strings.Contains(l, s) {
			return
		}
		if err != nil {
			t.Fatalf("waiting for %q: %v", s, err)
		}
	}
}

func (r *rig) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the stream was not ended")
		return nil
	}
}

// A stream in which nothing is written ends when the client goes; nothing but the watch can notice.
func TestVanishedClientEndsItsStream(t *testing.T) {
	for _, kind := range []string{"tcp", "unix", "tls"} {
		for _, how := range []string{"fin", "rst"} {
			if how == "rst" && kind != "tcp" {
				continue
			}
			for _, path := range []string{"/hang", "/wait"} {
				t.Run(kind+" "+how+path, func(t *testing.T) {
					r := serve(t, kind, Options{})
					c := r.dial()
					in := get(c, path)
					if path == "/hang" {
						until(t, in, "hello")
					} else if kind == "tls" {
						<-r.began // so that the request has been read before close_notify
					}
					if how == "rst" {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
					if err := r.end(t); err != ErrGone { //nolint:errorlint // the cause itself, not something that wraps it
						t.Fatalf("the stream ended with %v, want ErrGone", err)
					}
				})
			}
		}
	}
}

// What a client sends during a stream is answered after it, and the connection goes on.
func TestPipeliningAndKeepAlive(t *testing.T) {
	for _, kind := range []string{"tcp", "unix", "tls"} {
		t.Run(kind, func(t *testing.T) {
			r := serve(t, kind, Options{Stall: time.Minute})
			c := r.dial()
			in := get(c, "/count")
			r.step <- struct{}{}
			r.step <- struct{}{}
			until(t, in, "data: 1")
			body := strings.Repeat("abc", 2000) // longer than one read of the watch
			fmt.Fprintf(c, "POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			for range 3 {
				r.step <- struct{}{}
			}
			until(t, in, "data: 4")
			if err := r.end(t); err != nil {
				t.Fatalf("the stream ended with %v", err)
			}
			until(t, in, fmt.Sprintf("Content-Length: %d", 3+len(body)))
			until(t, in, "\r\n")
			got := make([]byte, 3+len(body))
			if _, err := io.ReadFull(in, got); err != nil || string(got) != "ok "+body {
				t.Fatalf("the pipelined request was answered by %.40q, %v", got, err)
			}
			for range 5 {
				r.step <- struct{}{}
			}
			until(t, get(c, "/count"), "data: 4") // and again on the same connection
			if err := r.end(t); err != nil {
				t.Fatalf("the second stream ended with %v", err)
			}
		})
	}
}

// A client that goes after it has pipelined is noticed too.
func TestVanishedAfterPipelining(t *testing.T) {
	r := serve(t, "tcp", Options{})
	c := r.dial()
	in := get(c, "/hang")
	until(t, in, "hello")
	fmt.Fprint(c, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = c.Close()
	if err := r.end(t); err != ErrGone { //nolint:errorlint // the cause itself
		t.Fatalf("the stream ended with %v, want ErrGone", err)
	}
}

func TestStalledReaderIsDropped(t *testing.T) {
	r := serve(t, "tcp", Options{Stall: 50 * time.Millisecond})
	get(r.dial(), "/flood")
	_ = r.end(t) // the write fails; without the deadline this would wait for ever
}

func TestPingsFillSilence(t *testing.T) {
	r := serve(t, "tcp", Options{Ping: 5 * time.Millisecond})
	c := r.dial()
	in := get(c, "/hang")
	until(t, in, "hello")
	for range 3 {
		until(t, in, ": ping")
	}
	_ = c.Close()
	if err := r.end(t); err != ErrGone { //nolint:errorlint // the cause itself
		t.Fatal(err)
	}
}

func TestSendAfterTheEndFails(t *testing.T) {
	var b bytes.Buffer
	peer, other := net.Pipe()
	defer func() { _, _ = peer.Close(), other.Close() }()
	w := &Writer{conn: peer, out: bufio.NewWriter(&b), opt: Options{Ping: time.Hour}}
	w.start()
	if err := w.Send([]byte("data: 1\n\n")); err != nil {
		t.Fatal(err)
	}
	w.close()
	if err := w.Send([]byte("data: 2\n\n")); err == nil || b.String() != "data: 1\n\n" {
		t.Fatalf("sending after the end: %v, written %q", err, b.String())
	}
}

// BenchmarkEvent is one event from Send to a client's read.
func BenchmarkEvent(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	n := make(chan int, 1)
	event := []byte("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":\"tok\"}}]}\n\n")
	s := &fasthttp.Server{Logger: quiet{}, Handler: func(ctx *fasthttp.RequestCtx) {
		Respond(ctx, context.Background(), Options{Stall: time.Second, Ping: time.Minute}, func(_ context.Context, w *Writer) {
			for range <-n {
				if w.Send(event) != nil {
					return
				}
			}
		})
	}}
	go func() { _ = s.Serve(Listener{ln}) }()
	defer func() { _ = s.Shutdown() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	b.ReportAllocs()
	b.ResetTimer()
	n <- b.N
	in := get(c, "/")
	until(b, in, "chunked")
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if l == "0\r\n" {
			return
		}
	}
}
