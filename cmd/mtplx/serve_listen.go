package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// keys gathers API keys from flags, environment and file.
func (c *serveCmd) keys() ([]string, error) {
	keys := c.APIKey
	if c.APIKeyFile != "" {
		f, err := os.Open(c.APIKeyFile)
		if err != nil {
			return nil, command.Usage(fmt.Errorf("read API keys: %w", err), "")
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if k := strings.TrimSpace(lines.Text()); k != "" && !strings.HasPrefix(k, "#") {
				keys = append(keys, k)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, command.Usage(fmt.Errorf("read API keys: %w", err), "")
		}
	}
	for i, k := range keys {
		if len(k) < 8 {
			return nil, command.Usage(fmt.Errorf("API key %d has %d characters", i+1, len(k)), "give at least 8")
		}
	}
	return keys, nil
}

// listen opens the socket.
func (c *serveCmd) listen(ctx context.Context) (net.Listener, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, command.Usage(errors.New("only one of --tls-cert and --tls-key is given"), "give both")
	}
	var config *tls.Config
	if c.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, command.Usage(fmt.Errorf("load certificate: %w", err), "")
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	network, addr := "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	if c.Unix != "" {
		network, addr = "unix", c.Unix
		if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr); err == nil {
			_ = conn.Close()
			return nil, command.Usage(fmt.Errorf("another program listens at %s", addr), "end it, or give another path")
		} else if errors.Is(err, syscall.ECONNREFUSED) { // a socket that nobody has any more
			_ = os.Remove(addr)
		}
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, network, addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, c.taken(ctx, addr)
	case err != nil:
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("listen: %w", err), "")
	case config != nil:
		ln = tls.NewListener(ln, config)
	}
	return ln, nil
}

// taken says who has the port.
func (c *serveCmd) taken(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", http.NoBody)
	if err == nil {
		for _, k := range c.APIKey {
			req.Header.Set("X-API-Key", k)
		}
		var res *http.Response
		if res, err = http.DefaultClient.Do(req); err == nil {
			defer func() { _ = res.Body.Close() }()
			var health struct{ Server, Model string }
			if json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&health) == nil && health.Server == "mtplx" {
				return command.Usage(fmt.Errorf("mtplx serves %s at http://%s already", health.Model, addr), "use that one, or give another --port")
			}
			if res.Header.Get("Server") == "mtplx" {
				return command.Usage(fmt.Errorf("mtplx serves at http://%s already", addr), "use that one, or give another --port")
			}
		}
	}
	return command.Usage(fmt.Errorf("another program listens at %s", addr), "give another --port")
}

// url is where the server can be reached.
func (c *serveCmd) url(ln net.Listener) string {
	switch {
	case c.Unix != "":
		return "unix:" + c.Unix
	case c.TLSCert != "":
		return "https://" + ln.Addr().String()
	default:
		return "http://" + ln.Addr().String()
	}
}

// pprof serves profiles at an address of its own, on this machine only.
func (c *serveCmd) pprof(ctx context.Context) (stop func(), err error) {
	if c.Pprof == "" {
		return func() {}, nil
	}
	host, _, err := net.SplitHostPort(c.Pprof)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, command.Usage(fmt.Errorf("--pprof is %q", c.Pprof), "give a loopback address, such as 127.0.0.1:6060")
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Pprof)
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("listen for profiles: %w", err), "")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(ln) // ends with Close
	}()
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}
