package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Limits of what a server may make a client do.
const (
	redirects = 5                // hops of one request
	attempts  = 6                // of one request, without progress between
	silence   = 30 * time.Second // without a byte, headers included
	patience  = 2 * time.Minute  // the longest Retry-After that is waited for
	workers   = 8                // pieces of one model that are downloaded at once
)

// Client asks one hub. See NewClient.
type Client struct {
	endpoint string
	origin   *url.URL
	token    string
	offline  bool
	http     *http.Client
	quiet    time.Duration
	sleep    func(context.Context, time.Duration) error // tests replace it
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// trail is what the hub's own answer said before it redirected.
type trail struct{ commit, etag string }

// get sends one request and follows redirects. The token goes to the hub's origin only, and a redirect from https to http is
// refused. The body ends with an error when the server is silent too long. The caller closes it.
func (c *Client) get(ctx context.Context, address, rng string) (*http.Response, trail, error) {
	var seen trail
	if c.offline {
		return nil, seen, fail(ErrOffline, "unset HF_HUB_OFFLINE to use the network", "HF_HUB_OFFLINE is set, and %s is asked for", c.endpoint)
	}
	for range redirects + 1 {
		res, err := c.once(ctx, address, rng)
		if err != nil {
			return nil, seen, err
		}
		if v := res.Header.Get("X-Repo-Commit"); v != "" && seen.commit == "" {
			seen.commit = v
		}
		if v := res.Header.Get("X-Linked-Etag"); v != "" && seen.etag == "" {
			seen.etag = strings.Trim(strings.TrimPrefix(v, "W/"), `"`)
		}
		switch res.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		case http.StatusOK, http.StatusPartialContent:
			return res, seen, nil
		default:
			r := &refused{status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"), time.Now()), text: clean(res.Header.Get("X-Error-Message"))}
			_ = res.Body.Close()
			return nil, seen, r
		}
		_ = res.Body.Close()
		from, err := url.Parse(address)
		if err != nil {
			return nil, seen, err
		}
		to, err := from.Parse(res.Header.Get("Location"))
		if err != nil || res.Header.Get("Location") == "" || to.Host == "" || to.User != nil || to.Scheme != "http" && to.Scheme != "https" {
			return nil, seen, fail(ErrUnsafe, "check HF_ENDPOINT", "%s redirects to %q", from.Host, clip(clean(res.Header.Get("Location"))))
		}
		if from.Scheme == "https" && to.Scheme == "http" {
			return nil, seen, fail(ErrUnsafe, "check HF_ENDPOINT and the proxy", "%s redirects to %s without encryption", from.Host, to.Host)
		}
		address = to.String()
	}
	return nil, seen, fail(ErrUnsafe, "check HF_ENDPOINT and the proxy", "%s redirects more than %d times", c.origin.Host, redirects)
}

func (c *Client) once(ctx context.Context, address, rng string) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	req.Header.Set("User-Agent", "mtplx")
	if rng != "" {
		req.Header.Set("Range", rng)
	}
	if c.token != "" && req.URL.Scheme == c.origin.Scheme && req.URL.Host == c.origin.Host {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := &watched{cancel: cancel, quiet: c.quiet, ctx: ctx}
	w.timer = time.AfterFunc(c.quiet, func() { cancel(fmt.Errorf("%s sent nothing for %v", req.URL.Host, c.quiet)) })
	res, err := c.http.Do(req)
	if err != nil {
		w.timer.Stop()
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil {
			return nil, cause
		}
		// Its text has the whole address, signatures included.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = fmt.Errorf("%s: %w", req.URL.Host, u.Err)
		}
		return nil, err
	}
	w.body = res.Body
	res.Body = w
	return res, nil
}

// watched is a body that ends when nothing arrives for too long.
type watched struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // the request's, which the body belongs to
	cancel context.CancelCauseFunc
	timer  *time.Timer
	quiet  time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.quiet)
	n, err := w.body.Read(p)
	w.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	err := w.body.Close()
	w.cancel(nil)
	return err
}

// again decides about a failed attempt: nil when it may be repeated, after having waited.
func (c *Client) again(ctx context.Context, err error, attempt int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	wait := min(time.Second<<attempt, 30*time.Second)
	wait = wait/2 + rand.N(wait) // so that many clients do not come back at once
	if r, ok := errors.AsType[*refused](err); ok {
		if !r.passing() || r.after > patience {
			return err
		}
		wait = max(wait, r.after)
	}
	if attempt+1 >= attempts {
		return err
	}
	return c.sleep(ctx, wait)
}

// fetch reads a small answer whole, up to limit bytes, repeating what may pass.
func (c *Client) fetch(ctx context.Context, address string, limit int64) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		data, err := c.fetchOnce(ctx, address, limit)
		if err == nil {
			return data, nil
		}
		if err = c.again(ctx, err, attempt); err != nil {
			return nil, err
		}
	}
}

func (c *Client) fetchOnce(ctx context.Context, address string, limit int64) ([]byte, error) {
	res, _, err := c.get(ctx, address, "")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.ContentLength > limit {
		return nil, fail(ErrUnsafe, "check HF_ENDPOINT", "%s answers with %d bytes where at most %d are due", c.origin.Host, res.ContentLength, limit)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fail(ErrUnsafe, "check HF_ENDPOINT", "%s answers with more than %d bytes", c.origin.Host, limit)
	}
	return data, nil
}

// retryAfter reads seconds or a date; 0 when there is none.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil && t.After(now) {
		return t.Sub(now).Round(time.Second)
	}
	return 0
}

// clean bounds a server's text and keeps it from acting on a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, clip(s))
}
