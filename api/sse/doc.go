// Package sse streams answers over fasthttp as server-sent events, and notices at once when the client
// that should receive them has gone.
//
// While a handler or a stream writer runs, fasthttp does not read the connection, so a client that closes
// it would show up only at a failed write, seconds later or never. Listener hands out connections that can
// be watched meanwhile (Watch): one goroutine reads ahead, keeps what a pipelining client has sent for the
// server's next read, and reports the end of the connection.
//
// Guarantees:
//
//  1. The context of a stream, and a watch, end within a millisecond or so of the peer's FIN or RST, with
//     no event written meanwhile. It holds for TCP, TLS (close_notify) and unix sockets.
//  2. Nothing that the client sent is lost: keep-alive and pipelining survive a watched response.
//  3. A client that does not read is dropped once one write has been stuck for Options.Stall; it holds up
//     nobody else, and what waits for it is bounded by the socket's buffers.
//  4. Pings are whole frames between events, never inside one.
//
// The listener must be the outermost one (around a TLS listener, not below it), and the server must not
// wrap its connections again, so fasthttp's MaxConnsPerIP stays unset.
//
// The packages below api are its only callers. Watch is safe for concurrent use with writes, not with
// reads; a Writer is safe for concurrent use.
package sse
