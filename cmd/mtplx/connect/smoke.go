package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/runtime"
)

// smoking are the flags of a trial.
type smoking struct {
	Smoke        bool          `help:"Then ask one small question as the client does, and say whether it works and how fast." group:"Trial"`
	SmokeTimeout time.Duration `name:"smoke-timeout" default:"1m" help:"Time for the answer." group:"Trial"`
}

// smokeTokens is how many tokens the answer may have.
const smokeTokens = 24

// dialect is how a client talks: what it posts where, and what in the events of the answer means what.
type dialect struct {
	name, path string
	body       func(text string) any
	wrote      func(e gjson.Result) bool // the event brings text, or thoughts
	tokens     string                    // where an event says how many tokens were written
	ends       []string                  // types of the last event; or its whole data
}

type object = map[string]any

var (
	anthropic = dialect{
		name: "anthropic", path: "/v1/messages",
		body: func(text string) any {
			return object{"model": alias, "max_tokens": smokeTokens, "stream": true, "messages": []object{{"role": "user", "content": text}}}
		},
		wrote:  func(e gjson.Result) bool { return e.Get("type").Str == "content_block_delta" },
		tokens: "usage.output_tokens", ends: []string{"message_stop"},
	}
	responses = dialect{
		name: "openai-responses", path: "/v1/responses",
		body: func(text string) any {
			return object{"model": alias, "max_output_tokens": smokeTokens, "stream": true, "input": text}
		},
		wrote:  func(e gjson.Result) bool { return strings.HasSuffix(e.Get("type").Str, "_text.delta") },
		tokens: "response.usage.output_tokens", ends: []string{"response.completed", "response.incomplete"},
	}
	completions = dialect{
		name: "openai-chat", path: "/v1/chat/completions",
		body: func(text string) any {
			return object{"model": alias, "max_tokens": smokeTokens, "stream": true, "stream_options": object{"include_usage": true}, "messages": []object{{"role": "user", "content": text}}}
		},
		wrote: func(e gjson.Result) bool {
			d := e.Get("choices.0.delta")
			return d.Get("content").Str != "" || d.Get("reasoning_content").Str != ""
		},
		tokens: "usage.completion_tokens", ends: []string{"[DONE]"},
	}
)

// trial is what came of a question.
type trial struct {
	OK      bool    `json:"ok"`
	Dialect string  `json:"dialect"`
	Path    string  `json:"path"`
	First   float64 `json:"first_token_s,omitempty"`
	Elapsed float64 `json:"elapsed_s,omitempty"`
	Tokens  int64   `json:"tokens,omitempty"`
	Rate    float64 `json:"tok_s,omitempty"` // behind the first token
	Error   string  `json:"error,omitempty"`
	Fix     string  `json:"fix,omitempty"`

	failed error
}

// try asks a question. Whatever goes wrong is told in the trial, an interruption as well.
func (d *dialect) try(ctx context.Context, a *asking, patience time.Duration) *trial {
	t := &trial{Dialect: d.name, Path: d.path}
	err := d.ask(ctx, a, patience, t)
	if t.OK = err == nil; !t.OK {
		t.failed, t.Error = err, err.Error()
		if f, ok := errors.AsType[*runtime.Failure](err); ok {
			t.Error, t.Fix = f.Err.Error(), f.Fix
		}
	}
	return t
}

func (d *dialect) ask(ctx context.Context, a *asking, patience time.Duration, t *trial) error {
	if patience <= 0 {
		return command.Usage(fmt.Errorf("--smoke-timeout is %v", patience), "give a time such as 1m")
	}
	server, err := a.Server()
	if err != nil {
		return err
	}
	defer server.Close()
	start := time.Now()
	err = server.Stream(ctx, d.path, d.body("Say hello."), patience, func(data []byte) (more bool, err error) {
		e := gjson.ParseBytes(data)
		kind := e.Get("type").Str
		if kind == "" {
			kind = string(data)
		}
		if said := remote.Clean(e.Get("error.message").Str + e.Get("response.error.message").Str); said != "" {
			return false, runtime.Fail(runtime.Integration, fmt.Errorf("the server at %s ends its answer with an error: %s", a.URL, said), "look into its log: mtplx doctor --bundle FILE gathers it")
		}
		if t.First == 0 && d.wrote(e) {
			t.First = time.Since(start).Seconds()
		}
		if n := e.Get(d.tokens).Int(); n > 0 {
			t.Tokens = n
		}
		if slices.Contains(d.ends, kind) {
			t.Elapsed = time.Since(start).Seconds()
			return false, nil
		}
		return true, nil
	})
	if err == nil && (t.First == 0 || t.Tokens == 0) {
		err = runtime.Fail(runtime.Integration, fmt.Errorf("the server at %s answers POST %s without a token", a.URL, d.path), "give --url the address that mtplx serve printed")
	}
	if after := t.Elapsed - t.First; err == nil && t.Tokens > 1 && after > 0 {
		t.Rate = float64(t.Tokens-1) / after
	}
	return err
}

// says tells a person, beside the settings.
func (t *trial) says(w io.Writer) {
	if !t.OK {
		return // the failure says it
	}
	fmt.Fprintf(w, "mtplx: it works: POST %s brought its first token after %.0f ms", t.Path, 1000*t.First)
	if t.Rate > 0 {
		fmt.Fprintf(w, ", then %.1f tok/s", t.Rate)
	}
	fmt.Fprintf(w, " (%d tokens)\n", t.Tokens)
}
