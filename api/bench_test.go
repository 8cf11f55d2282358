package api

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkChatStream is a streamed chat of 256 events from request to its end, over loopback, by one client.
// The fake engine costs next to nothing: what is measured is HTTP, JSON and SSE, given for each event.
func BenchmarkChatStream(b *testing.B) {
	r := newRig(b, nil)
	r.engine.reply = func(string) string { return strings.Repeat("word", 256) }
	const body = `{"messages":[{"role":"user","content":"hi"}],"stream":true}`
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		post(c, "/v1/chat/completions", body)
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if string(line) == "0\r\n" {
				break
			}
		}
		if _, err := in.Discard(2); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
}

// BenchmarkIdleConnections is the memory that 2,000 connections hold after a request each: heap and stacks of
// the server and of the clients' ends in this process.
func BenchmarkIdleConnections(b *testing.B) {
	r := newRig(b, nil)
	const n = 2000
	most := int64(0)
	for b.Loop() {
		before := memory()
		conns := make([]net.Conn, 0, n)
		for range n {
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				b.Skipf("%d connections: %v", len(conns), err)
			}
			conns = append(conns, c)
			fmt.Fprint(c, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
			var buf [512]byte
			if _, err := c.Read(buf[:]); err != nil {
				b.Fatal(err)
			}
		}
		most = max(most, memory()-before) // later rounds find what earlier ones left
		for _, c := range conns {
			_ = c.Close()
		}
	}
	b.ReportMetric(float64(most)/n/1024, "KiB/connection")
	b.ReportMetric(float64(most)/(1<<20), "MiB")
}

func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
