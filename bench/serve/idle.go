package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Idle is what open connections without a request cost a server's memory.
type Idle struct {
	Connections int   `json:"connections"`
	Failed      int   `json:"failed"`
	Before      int64 `json:"rss_before_bytes"` // -1: could not be read
	After       int64 `json:"rss_after_bytes"`
	Each        int64 `json:"bytes_per_connection"`
}

// OpenIdle opens n connections to the server and keeps them; each has asked for the server's health once, as a
// client's pool would have. rss reads the server's memory. The caller calls shut.
func OpenIdle(ctx context.Context, c *Client, n int, rss func() (int64, error)) (i *Idle, shut func(), err error) {
	address := c.address("/health")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	if req.URL.Scheme != "http" {
		return nil, nil, fmt.Errorf("open idle connections: %s is not plain HTTP", c.Base)
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	host := req.URL.Host
	if req.URL.Port() == "" {
		host = net.JoinHostPort(req.URL.Hostname(), "80")
	}
	i = &Idle{Connections: n, Before: memory(rss)}
	conns := make([]net.Conn, n)
	shut = func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	failed := make([]error, n)
	next := make(chan int)
	var opening sync.WaitGroup
	for range min(n, 16) {
		opening.Go(func() {
			for k := range next {
				conns[k], failed[k] = idleConnection(ctx, host, req)
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	opening.Wait()
	if err := ctx.Err(); err != nil {
		shut()
		return nil, nil, err
	}
	var first error
	for _, err := range failed {
		if err != nil {
			i.Failed++
			if first == nil {
				first = err
			}
		}
	}
	if i.Failed == n {
		shut()
		return nil, nil, fmt.Errorf("open idle connections: %w", first)
	}
	i.After = memory(rss)
	if i.Before >= 0 && i.After >= 0 {
		i.Each = (i.After - i.Before) / int64(n-i.Failed)
	}
	return i, shut, nil
}

func memory(rss func() (int64, error)) int64 {
	n, err := rss()
	if err != nil {
		return -1
	}
	return n
}

func idleConnection(ctx context.Context, host string, req *http.Request) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := errors.Join(conn.SetDeadline(time.Now().Add(10*time.Second)), req.Write(conn)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
		_ = res.Body.Close()
		if res.Close && err == nil {
			err = fmt.Errorf("the server closes connections after an answer with status %d", res.StatusCode)
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// RSS is a process's resident memory in bytes, from proc, the file system of Linux at /proc.
func RSS(proc fs.FS, pid int) (int64, error) {
	data, err := fs.ReadFile(proc, strconv.Itoa(pid)+"/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(data)) {
		value, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the memory of process %d: VmRSS is %q", pid, strings.TrimSpace(value))
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("read the memory of process %d: there is no VmRSS", pid)
}

func (i *Idle) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d idle connections, %d failed", i.Connections, i.Failed)
	if i.Before >= 0 && i.After >= 0 {
		fmt.Fprintf(w, ": the server grew from %.1f to %.1f MiB, %.1f KiB each", mib(i.Before), mib(i.After), float64(i.Each)/1024)
	} else {
		fmt.Fprint(w, "; the server's memory cannot be read")
	}
	fmt.Fprintln(w)
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
