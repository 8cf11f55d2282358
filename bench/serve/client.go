package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// Endpoints of a server.
const (
	Chat        = "chat"
	Completions = "completions"
)

// Client asks one server. It must not be copied, and its fields must not change once it is used.
type Client struct {
	Base        string // such as http://127.0.0.1:8000, with or without /v1
	Key         string // API key, or ""
	Model       string
	Endpoint    string
	Temperature float64
	Timeout     time.Duration // of one request; 0: none
	IgnoreEOS   bool          // ask for answers of full length
	CountTokens bool          // ask for token ids, which say how many tokens an event brought
	Epoch       time.Time     // of all times in traces
	HTTP        *http.Client

	mu      sync.Mutex
	refused map[string]bool // fields that the server does not take
}

// NewHTTP makes a client that keeps as many connections open as there are streams.
func NewHTTP(streams int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConns: 0, MaxIdleConnsPerHost: streams, DisableCompression: true, IdleConnTimeout: time.Minute,
	}}
}

// CheckURL says what is wrong with a server's address.
func CheckURL(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no address of a server", base)
	}
	return nil
}

// address is where a path of the API is, for bases with and without /v1.
func (c *Client) address(path string) string {
	return strings.TrimSuffix(strings.TrimRight(c.Base, "/"), "/v1") + path
}

// body is the request for one answer.
func (c *Client) body(system string, history []Message, t *Turn) ([]byte, string) {
	b := map[string]any{"max_tokens": t.Output, "stream": true, "temperature": c.Temperature, "seed": t.Seed}
	if c.Model != "" {
		b["model"] = c.Model
	}
	b["stream_options"] = map[string]bool{"include_usage": true}
	if c.IgnoreEOS {
		b["ignore_eos"] = true
	}
	if c.CountTokens {
		b["return_token_ids"] = true
	}
	path := "/v1/chat/completions"
	if c.Endpoint == Completions {
		path = "/v1/completions"
		var text strings.Builder
		if system != "" {
			text.WriteString(system + "\n")
		}
		for _, m := range history {
			text.WriteString(m.Content + "\n")
		}
		b["prompt"] = text.String() + t.Text
	} else {
		messages := make([]Message, 0, len(history)+2)
		if system != "" {
			messages = append(messages, Message{"system", system})
		}
		b["messages"] = append(append(messages, history...), Message{"user", t.Text})
	}
	c.mu.Lock()
	for name := range c.refused {
		delete(b, name)
	}
	c.mu.Unlock()
	data, err := json.Marshal(b)
	if err != nil {
		panic(fmt.Sprintf("marshal a request of numbers and strings: %v", err))
	}
	return data, path
}

// Ask implements the function type of that name.
func (c *Client) Ask(ctx context.Context, system string, history []Message, turn *Turn, arrived time.Duration, more bool) (Trace, string) {
	t := Trace{Seed: turn.Seed, Arrived: arrived, Events: make([]Event, 0, turn.Output+1)}
	data, path := c.body(system, history, turn)
	limited := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	var answer strings.Builder
	t.Sent = time.Since(c.Epoch)
	f := c.send(limited, c.address(path), data, &t, &answer, more)
	t.Ended = time.Since(c.Epoch)
	if f == nil && len(t.Events) == 0 {
		f = &Failure{"no_tokens", "the stream ended well and had no token"}
	}
	if f != nil {
		switch {
		case ctx.Err() != nil:
			f.Kind = Cancelled
		case limited.Err() != nil:
			f = &Failure{"timeout", fmt.Sprintf("no end within %v", c.Timeout)}
		}
		t.Failure = f
	}
	return t, answer.String()
}

func (c *Client) send(ctx context.Context, address string, data []byte, t *Trace, answer *strings.Builder, more bool) *Failure {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(data))
	if err != nil {
		return &Failure{"connect", err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return &Failure{transportKind(err), err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		return &Failure{"status_" + strconv.Itoa(res.StatusCode), message(text)}
	}
	if kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
		return &Failure{"malformed", fmt.Sprintf("the answer to a request for a stream is of type %q", kind)}
	}
	return c.follow(NewReader(res.Body), t, answer, more)
}

// follow reads a stream to its end.
func (c *Client) follow(in *Reader, t *Trace, answer *strings.Builder, more bool) *Failure {
	for {
		data, err := in.Next()
		now := time.Since(c.Epoch)
		switch {
		case errors.Is(err, errEventTooLong):
			return &Failure{"malformed", err.Error()}
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return &Failure{"early_close", fmt.Sprintf("the stream ended after %d events without [DONE]", len(t.Events))}
		case err != nil:
			return &Failure{transportKind(err), err.Error()}
		}
		if string(data) == "[DONE]" {
			_, _ = in.Next() // the end of the body, after which the connection can be used again
			return nil
		}
		ch, err := parseChunk(data)
		if err != nil {
			return &Failure{"malformed", fmt.Sprintf("%v: %.80q", err, data)}
		}
		if ch.failure != "" {
			return &Failure{"stream_error", ch.failure}
		}
		before := t.Completion
		if ch.usage {
			t.Prompt, t.Cached, t.Completion = ch.prompt, ch.cached, ch.completion
		}
		if ch.brought {
			n := ch.ids
			if n == 0 && ch.usage {
				n = max(ch.completion-before, 0)
			}
			t.Events = append(t.Events, Event{At: now, Tokens: n})
		}
		if more {
			answer.WriteString(ch.text)
		}
	}
}

// transportKind names a failure below HTTP.
func transportKind(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "connect"
	}
	return "disconnect"
}

// message is what a body says of an error.
func message(body []byte) string {
	if v := gjson.GetBytes(body, "error"); v.Exists() {
		return errorText(v)
	}
	if v := gjson.GetBytes(body, "message"); v.Exists() {
		return v.String()
	}
	return strings.TrimSpace(string(body[:min(len(body), 300)]))
}
