package hub

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kinds of failure, for errors.Is.
var (
	ErrReference = errors.New("not a model's name")
	ErrNotFound  = errors.New("not found")
	ErrDenied    = errors.New("access denied")
	ErrLimited   = errors.New("too many requests")
	ErrServer    = errors.New("the hub does not work")
	ErrNetwork   = errors.New("the hub cannot be reached")
	ErrOffline   = errors.New("offline")
	ErrDamaged   = errors.New("what arrived is not what the hub listed")
	ErrUnsafe    = errors.New("the answer cannot be trusted")
	ErrUnusable  = errors.New("not a checkpoint that can be used")
	ErrSpace     = errors.New("not enough space")
	ErrStore     = errors.New("the store cannot be used")
	ErrInUse     = errors.New("in use")
)

// Error is a failure with its kind and the remedy.
type Error struct {
	Kind error  // one of the kinds above
	What string // what was being done, and what happened
	Fix  string
	Err  error // the cause, where there is one
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// Unwrap lets errors.Is find both the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

func fail(kind error, fix, format string, args ...any) *Error {
	return &Error{Kind: kind, Fix: fix, What: fmt.Sprintf(format, args...)}
}

// refused is an answer that is no success, before it is known what was asked for.
type refused struct {
	status int
	after  time.Duration // Retry-After
	text   string
}

func (r *refused) Error() string {
	s := fmt.Sprintf("HTTP %d %s", r.status, http.StatusText(r.status))
	if r.text != "" {
		s += " (" + r.text + ")"
	}
	return s
}

// passing tells whether asking again may help.
func (r *refused) passing() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// explain turns the failure of a request about a model into a sentence with a remedy.
func (c *Client) explain(err error, doing string, ref Ref) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	out := &Error{Err: err, What: doing}
	var r *refused
	if !errors.As(err, &r) {
		out.Kind, out.Fix = ErrNetwork, fmt.Sprintf("check the network, HTTPS_PROXY and HF_ENDPOINT (%s), then run the same command again: it goes on where it stopped", c.endpoint)
		return out
	}
	switch {
	case r.status == http.StatusUnauthorized && c.token == "":
		out.Kind, out.Fix = ErrDenied, fmt.Sprintf("check the name; if the model is private or gated, set HF_TOKEN to a token that may read it (%s/settings/tokens)", c.endpoint)
	case r.status == http.StatusUnauthorized:
		out.Kind, out.Fix = ErrDenied, "the token was refused: set HF_TOKEN to a valid one, or unset it for a public model"
	case r.status == http.StatusForbidden:
		out.Kind, out.Fix = ErrDenied, fmt.Sprintf("accept the model's terms at %s/%s with the account that HF_TOKEN belongs to", c.endpoint, ref)
	case r.status == http.StatusNotFound:
		out.Kind, out.Fix = ErrNotFound, fmt.Sprintf("check the spelling and the revision at %s/%s", c.endpoint, ref)
	case r.status == http.StatusTooManyRequests:
		out.Kind, out.Fix = ErrLimited, "wait some minutes and run the same command again: it goes on where it stopped; HF_TOKEN raises the limit"
		if r.after > 0 {
			out.Fix = fmt.Sprintf("wait %s and run the same command again: it goes on where it stopped; HF_TOKEN raises the limit", r.after)
		}
	default:
		out.Kind, out.Fix = ErrServer, fmt.Sprintf("run the same command again later: it goes on where it stopped; HF_ENDPOINT (%s) may name a mirror", c.endpoint)
	}
	return out
}
