package sse

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// ErrGone is the cause of cancellation when the peer has closed the connection.
var ErrGone = errors.New("the client has closed the connection")

// aheadLimit bounds what a watch keeps for the server's next read. A client that has sent more is alive,
// and its later end is noticed by a failed write.
const aheadLimit = 16 << 10

// Listener hands out connections that can be watched. See the package comment for where it belongs.
type Listener struct{ net.Listener }

// Accept waits for the next connection and makes it watchable.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := &conn{Conn: c}
	if t, ok := c.(*tls.Conn); ok {
		return &tlsConn{w, t}, nil
	}
	return w, nil
}

// conn keeps what a watch has read ahead.
type conn struct {
	net.Conn
	mu    sync.Mutex
	ahead []byte
}

func (c *conn) watchable() *conn { return c }

// tlsConn adds what fasthttp looks for in a connection to know that it is TLS.
type tlsConn struct {
	*conn
	tls *tls.Conn
}

func (c *tlsConn) Handshake() error                     { return c.tls.Handshake() } //nolint:noctx // what fasthttp calls
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// Read gives out what was read ahead, then reads on.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if n := copy(p, c.ahead); n > 0 {
		c.ahead = c.ahead[n:]
		if len(c.ahead) == 0 {
			c.ahead = nil
		}
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	return c.Conn.Read(p)
}

// Watch calls gone, once and from a goroutine of its own, if the peer closes c before stop is called. It
// does nothing for a connection that no Listener made. Nobody may read c until stop has returned; stop
// must be called, once.
func Watch(c net.Conn, gone func()) (stop func()) {
	w, ok := c.(interface{ watchable() *conn })
	if !ok {
		return func() {}
	}
	return w.watchable().watch(gone)
}

func (c *conn) watch(gone func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [512]byte
		for {
			c.mu.Lock()
			room := aheadLimit - len(c.ahead)
			c.mu.Unlock()
			if room <= 0 {
				return
			}
			n, err := c.Conn.Read(b[:min(room, len(b))])
			if n > 0 {
				c.mu.Lock()
				c.ahead = append(c.ahead, b[:n]...)
				c.mu.Unlock()
			}
			if err == nil {
				continue
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return // stopped
			}
			gone()
			return
		}
	}()
	return func() {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // ends the read; a closed connection has ended it already
		<-done
		_ = c.SetReadDeadline(time.Time{})
	}
}
