package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mtplx/cmd/mtplx/command"
)

// Flags choose the server.
type Flags struct {
	URL     string        `name:"url" default:"http://127.0.0.1:8000" placeholder:"URL" help:"Where the server is; unix:PATH is a socket." group:"Server"`
	APIKey  []string      `name:"api-key" env:"MTPLX_AUTH" placeholder:"KEY" help:"Key that the server wants; of several the first that it takes. Other users of this machine can see it here: prefer the environment." group:"Server"`
	Timeout time.Duration `default:"5s" help:"Time for the server to answer." group:"Server"`
}

// Server is an mtplx that may run.
type Server struct {
	URL string // as people and clients write it, without a slash at the end

	base    string // what requests begin with
	keys    []string
	timeout time.Duration
	client  *http.Client
}

// Server is the one that the flags mean. Nothing is asked of it yet. The caller closes it.
func (f *Flags) Server() (*Server, error) {
	if f.Timeout <= 0 {
		return nil, command.Usage(fmt.Errorf("--timeout is %v", f.Timeout), "give a time such as 5s")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	s := &Server{keys: f.APIKey, timeout: f.Timeout, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if path, ok := strings.CutPrefix(f.URL, "unix:"); ok {
		if path = strings.TrimPrefix(path, "//"); path == "" {
			return nil, command.Usage(fmt.Errorf("--url is %q", f.URL), "name the socket, as in unix:/run/mtplx.sock")
		}
		s.URL, s.base = "unix:"+path, "http://localhost"
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		return s, nil
	}
	var err error
	if s.URL, err = tidy(f.URL); err != nil {
		return nil, command.Usage(err, "give an address such as http://127.0.0.1:8000, or unix:PATH")
	}
	s.base = s.URL
	return s, nil
}

// tidy is an address as it is used: with its scheme, without the /v1 that clients of OpenAI's dialect are given.
func tidy(address string) (string, error) {
	full := address
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	switch {
	case err != nil:
		return "", fmt.Errorf("--url is %q: %w", address, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("--url is %q, and %s is neither http nor https", address, u.Scheme)
	case u.Hostname() == "":
		return "", fmt.Errorf("--url is %q, which names no host", address)
	case u.User != nil:
		return "", errors.New("--url holds a name or a password, which mtplx does not use")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("--url is %q, and an address has no ? or #", address)
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	return u.Scheme + "://" + u.Host + strings.TrimRight(path, "/"), nil
}

// Close gives connections back.
func (s *Server) Close() { s.client.CloseIdleConnections() }
