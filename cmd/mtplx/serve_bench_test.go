package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mtplx/api"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// BenchmarkServe writes 16 answers of 64 tokens with the default model, in turn straight from the engine and
// over HTTP as streams, and gives the median of the ratios of their times: what HTTP and SSE cost.
func BenchmarkServe(b *testing.B) {
	const streams, tokens = 16, 64
	profile, err := runtime.FindProfile("")
	if err != nil {
		b.Fatal(err)
	}
	r, err := runtime.Open(b.Context(), runtime.Options{Profile: profile, Sessions: streams})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	c := &serveCmd{}
	server, err := api.New(api.Config{
		Model: c.model(r, nil), Running: streams,
		Defaults: api.Defaults{Sampler: sample.Sampler{TopP: 1}, Depth: 2, Speculate: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	defer func() {
		_ = server.Close()
		if err := <-served; err != nil {
			b.Error(err)
		}
	}()

	direct := func(i int) error {
		s, err := r.Engine.Start(sched.Request{
			Prompt: r.Tokenizer.Encode(nil, fmt.Sprintf("Number %d", i), true), Limits: commit.Limits{MaxTokens: tokens},
			Detok: c.model(r, nil).NewDetok(), Target: sample.Sampler{TopP: 1}, Draft: sample.Sampler{TopP: 1}, Rule: sample.Ratio, Speculate: true, Depth: 2,
		})
		if err != nil {
			return err
		}
		var chunk commit.Chunk
		for chunk.Finish == "" {
			if err := s.Next(context.Background(), &chunk); err != nil {
				return err
			}
		}
		return chunk.Err
	}
	conns := make([]net.Conn, streams)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conns[i].Close() }()
	}
	overHTTP := func(i int) error {
		body := fmt.Sprintf(`{"prompt":"Number %d","max_tokens":%d,"ignore_eos":true,"stream":true}`, i, tokens)
		fmt.Fprintf(conns[i], "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		in := bufio.NewReader(conns[i])
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return err
			}
			if strings.HasPrefix(line, "0\r") {
				_, err := in.Discard(2)
				return err
			}
		}
	}
	all := func(one func(int) error) time.Duration {
		start := time.Now()
		var group sync.WaitGroup
		for i := range streams {
			group.Go(func() {
				if err := one(i); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
		return time.Since(start)
	}
	all(direct)
	all(overHTTP)
	var ratios []float64
	var engine, http time.Duration
	for b.Loop() {
		d := all(direct)
		h := all(overHTTP)
		engine, http = engine+d, http+h
		ratios = append(ratios, float64(h)/float64(d))
	}
	slices.Sort(ratios)
	b.ReportMetric(streams*tokens*float64(b.N)/engine.Seconds(), "engine-tok/s")
	b.ReportMetric(streams*tokens*float64(b.N)/http.Seconds(), "http-tok/s")
	b.ReportMetric(100*(ratios[len(ratios)/2]-1), "overhead-%")
}
