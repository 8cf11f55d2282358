package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/connect"
)

// quickstartCmd serves as serveCmd does and says how to connect. Where mtplx serves already it says how to connect to
// that one.
type quickstartCmd struct {
	JSON  bool     `name:"json" help:"Say how to connect as a JSON object." group:"Network"`
	Serve serveCmd `embed:""`
}

// Help is what mtplx quickstart --help says above the flags.
func (c *quickstartCmd) Help() string {
	return "Serves the model with good defaults and prints what clients need: addresses, key, a command to try, and the settings of " +
		"OpenAI's and Anthropic's libraries, Claude Code and Codex. If mtplx serves at that port already, it uses that server and ends."
}

// Run implements the command.
func (c *quickstartCmd) Run(ctx context.Context, s command.Streams) error {
	v := &c.Serve
	if v.Unix != "" {
		return command.Usage(errors.New("quickstart shows addresses that clients can be given, and a unix socket has none"), "use mtplx serve --unix")
	}
	keys, err := v.keys()
	if err != nil {
		return err
	}
	if v.Port != 0 {
		found, err := v.find(ctx, keys)
		if err != nil {
			return err
		}
		if found != nil {
			return c.print(s.Out, found)
		}
	}
	out := s.Out
	s.Out = io.Discard // the line of serve, which says less
	v.ready = func(address, model string) {
		_ = c.print(out, &connection{Base: reachable(address), Model: model, Key: len(keys) > 0}) // a closed pipe stops no server
	}
	return v.Run(ctx, s)
}

// connection is how to reach a server.
type connection struct {
	Base    string // without /v1
	Model   string
	Key     bool // it takes a key
	Running bool // somebody else started it
}

// find looks for an mtplx where this one would listen. Without one, or where another program listens, it is nil: who that
// is comes out when the port is taken.
func (c *serveCmd) find(ctx context.Context, keys []string) (*connection, error) {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	base := reachable(scheme + "://" + net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, key := range append([]string{""}, keys...) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health", http.NoBody)
		if err != nil {
			return nil, command.Usage(fmt.Errorf("--host is %q", c.Host), "give a name or an address")
		}
		if key != "" {
			req.Header.Set("X-API-Key", key)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, nil // nobody there
		}
		var health struct {
			Model       string
			KeyRequired bool `json:"api_key_required"`
		}
		err = json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&health)
		_ = res.Body.Close()
		if res.Header.Get("Server") != "mtplx" {
			return nil, nil
		}
		if err == nil && health.Model != "" {
			return &connection{Base: base, Model: health.Model, Key: health.KeyRequired, Running: true}, nil
		}
	}
	return nil, command.Usage(fmt.Errorf("mtplx serves at %s already, and takes a key", base), "set MTPLX_AUTH to one of its keys, or give another --port")
}

// reachable replaces an address that means all of this machine's by one that clients can use.
func reachable(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	}
	return u.String()
}

// print says how to connect. Keys are never printed: MTPLX_AUTH stands for one.
func (c *quickstartCmd) print(w io.Writer, to *connection) error {
	secret := "any will do, such as mtplx"
	if to.Key {
		secret = "one of the server's; the lines below take it from MTPLX_AUTH"
	}
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			OpenAI    string `json:"openai_base_url"`
			Anthropic string `json:"anthropic_base_url"`
			Model     string `json:"model"`
			Alias     string `json:"alias"`
			Key       bool   `json:"api_key_required"`
			Running   bool   `json:"already_running"`
		}{to.Base + "/v1", to.Base, to.Model, "mtplx", to.Key, to.Running})
	}
	auth := ""
	if to.Key {
		auth = ` -H "Authorization: Bearer $MTPLX_AUTH"`
	}
	state := "mtplx serves"
	if to.Running {
		state = "mtplx runs already, and serves"
	}
	t := connect.Target{Base: to.Base, Key: to.Key}
	_, err := fmt.Fprintf(w, `%[1]s %[2]s at %[3]s

Addresses  %[3]s/v1 for OpenAI's dialect, %[3]s for Anthropic's
Model      mtplx, or %[2]s
Key        %[4]s

Try it:
  curl -s %[3]s/v1/chat/completions%[5]s -H 'Content-Type: application/json' -d '{"model":"mtplx","max_tokens":64,"messages":[{"role":"user","content":"Say hello."}]}'
OpenAI's libraries:
  export %[6]s
Anthropic's libraries:
  export %[7]s
Claude Code:
  %[8]s claude
Codex:
  %[9]s
mtplx connect says more of each, and writes the settings of Claude Code and Codex.
`, state, to.Model, to.Base, secret, auth, connect.Assignments(t.OpenAI()), connect.Assignments(t.Anthropic()), connect.Assignments(t.ClaudeCode()), t.CodexCommand())
	return err
}
