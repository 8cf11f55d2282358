package remote

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"unicode"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// longest bounds an answer, in bytes.
const longest = 16 << 20

// AbsentError says that nobody listens.
type AbsentError struct{ URL string }

func (e *AbsentError) Error() string { return "no mtplx runs at " + e.URL }

// get is the answer to GET path, with the first key that is taken.
func (s *Server) get(ctx context.Context, path string) ([]byte, error) {
	keys := s.keys
	if len(keys) == 0 {
		keys = []string{""}
	}
	var err error
	for _, key := range keys {
		var body []byte
		var refused bool
		if body, refused, err = s.try(ctx, path, key); !refused {
			return body, err
		}
	}
	return nil, err
}

// try is one request. That it was refused for its key is told apart: there may be another.
func (s *Server) try(ctx context.Context, path, key string) (body []byte, refused bool, err error) {
	within, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodGet, s.base+path, http.NoBody)
	if err != nil {
		return nil, false, command.Usage(fmt.Errorf("--url is %q: %w", s.URL, err), "")
	}
	res, err := s.send(ctx, req, key)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, longest+1))
	if err != nil {
		return nil, false, s.unreachable(ctx, err)
	}
	switch {
	case len(body) > longest:
		return nil, false, s.foreign(fmt.Sprintf("answers GET %s with more than %d MiB", path, longest>>20))
	case res.StatusCode == http.StatusServiceUnavailable && path == "/health": // it says so, and the rest as well
	case res.StatusCode != http.StatusOK:
		refused, err = s.refusal(res, body, key)
		return nil, refused, err
	}
	return body, false, nil
}

// send sends a request with a key, if there is one. The caller closes the answer's body.
func (s *Server) send(ctx context.Context, req *http.Request, key string) (*http.Response, error) {
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Header.Set("User-Agent", "mtplx/"+command.Version)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	return res, nil
}

// refusal is the failure of an answer that is not 200; refused, whether another key could change that.
func (s *Server) refusal(res *http.Response, body []byte, key string) (refused bool, err error) {
	switch {
	case res.StatusCode == http.StatusUnauthorized && key == "":
		return true, command.Usage(fmt.Errorf("the server at %s takes an API key", s.URL), "set MTPLX_AUTH to one of its keys")
	case res.StatusCode == http.StatusUnauthorized:
		return true, command.Usage(fmt.Errorf("the server at %s refuses the API key", s.URL), "set MTPLX_AUTH to one of its keys")
	}
	request := res.Request.Method + " " + strings.TrimPrefix(res.Request.URL.String(), s.base)
	var refusal struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(body, &refusal) == nil && refusal.Error.Message != "" && res.Header.Get("Server") == "mtplx" {
		fix := ""
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
			fix = "try again when it has less to do; mtplx status says what it does"
		}
		return false, runtime.Fail(runtime.Integration, fmt.Errorf("the mtplx at %s answers %s with %d: %s", s.URL, request, res.StatusCode, Clean(refusal.Error.Message)), fix)
	}
	return false, s.foreign(fmt.Sprintf("answers %s with %s", request, Clean(res.Status)))
}

// foreign is the failure of an answer that no mtplx gives.
func (s *Server) foreign(what string) error {
	return runtime.Fail(runtime.Integration, fmt.Errorf("what listens at %s is no mtplx, or not this version's: it %s", s.URL, what), "give --url the address that mtplx serve printed")
}

// unreachable says why there is no answer.
func (s *Server) unreachable(ctx context.Context, err error) error {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var timeout net.Error
	const where = "give --url the address that mtplx serve printed"
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return runtime.Fail(runtime.Environment, fmt.Errorf("nothing answers at %s within %v", s.URL, s.timeout), "give --timeout more if the machine is far or busy")
	case errors.As(err, &dns):
		return runtime.Fail(runtime.Environment, fmt.Errorf("there is no host %s", dns.Name), where)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return runtime.Fail(runtime.Environment, &AbsentError{s.URL}, "start one with mtplx serve, or "+where)
	case errors.As(err, &authority), errors.As(err, &host):
		return runtime.Fail(runtime.Environment, fmt.Errorf("the certificate of %s is not trusted: %w", s.URL, root(err)), "set SSL_CERT_FILE to a file with it, and use a name that it holds")
	default:
		return runtime.Fail(runtime.Integration, fmt.Errorf("no answer from %s: %s", s.URL, Clean(root(err).Error())), where)
	}
}

// root is the innermost error, which says what happened without the request around it.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// Clean is text of a server as a terminal may show it: one line, at most 200 characters, without control characters.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:199]) + "…"
	}
	return text
}
