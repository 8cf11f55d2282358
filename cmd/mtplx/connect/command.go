package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/remote"
)

// Cmd says what a client needs.
type Cmd struct {
	ClaudeCode claudeCmd    `cmd:"" name:"claude-code" help:"Variables or settings of Claude Code."`
	Codex      codexCmd     `cmd:"" name:"codex" help:"A profile of Codex."`
	OpenWebUI  openWebUICmd `cmd:"" name:"openwebui" aliases:"open-webui" help:"Address and key for Open WebUI."`
}

// Help is what mtplx connect --help says above the flags.
func (c *Cmd) Help() string {
	return "eval \"$(mtplx connect claude-code)\" && claude\nmtplx connect codex --write && codex --profile mtplx"
}

// asking are the flags that choose the server that is connected to.
type asking struct {
	JSON bool `name:"json" help:"Print one JSON object."`
	remote.Flags
}

// writing are the flags of clients that have a settings file.
type writing struct {
	Write bool   `help:"Write the client's settings instead of printing what to set; what they were is kept." group:"Settings"`
	File  string `placeholder:"FILE" type:"path" help:"Settings file, instead of the client's own." group:"Settings"`
}

// found is what is known of the server.
type found struct {
	URL     string `json:"url"`
	Running bool   `json:"running"`
	Model   string `json:"model,omitempty"`
	Context int    `json:"context_window,omitempty"`
	Key     bool   `json:"api_key_required"`
}

// find asks the server what clients must know. One that does not run yet is no failure: settings may be made before.
func (a *asking) find(ctx context.Context, s command.Streams) (*Target, *found, error) {
	if strings.HasPrefix(a.URL, "unix:") {
		return nil, nil, command.Usage(errors.New("clients cannot be given a unix socket"), "let mtplx serve listen at a port")
	}
	server, err := a.Server()
	if err != nil {
		return nil, nil, err
	}
	defer server.Close()
	f := &found{URL: server.URL, Running: true, Key: len(a.APIKey) > 0}
	h, err := server.Health(ctx)
	switch {
	case err == nil:
		f.Model, f.Context, f.Key = h.Model, h.Context, h.KeyRequired
	case remote.IsAbsent(err):
		f.Running = false
		fmt.Fprintf(s.Err, "mtplx: no mtplx runs at %s yet; start one with mtplx serve\n", f.URL)
	case remote.IsKeyed(err):
		f.Key = true
		fmt.Fprintf(s.Err, "mtplx: the server at %s takes a key: set MTPLX_AUTH to one where the client runs\n", f.URL)
	default:
		return nil, nil, err
	}
	return &Target{Base: f.URL, Key: f.Key, Context: f.Context}, f, nil
}

// result is the documented object of connect --json. Variables under secret hold the API key, which is in the one they name.
type result struct {
	Client  string            `json:"client"`
	BaseURL string            `json:"base_url"`
	Model   string            `json:"model"` // what the client is to ask for
	Server  *found            `json:"server"`
	Env     map[string]string `json:"env,omitempty"`
	Secret  map[string]string `json:"secret_env,omitempty"`
	Content string            `json:"content,omitempty"` // of the settings file, before it is written
	Command string            `json:"command"`           // to begin with
	Smoke   *trial            `json:"smoke,omitempty"`
	*written
}

func (r *result) variables(vars []Variable) {
	r.Env, r.Secret = map[string]string{}, map[string]string{}
	for _, v := range vars {
		if v.Secret {
			r.Secret[v.Name] = keyVariable
		} else {
			r.Env[v.Name] = v.Value
		}
	}
}

// connect finds the server, lets build say what the client needs of it, prints that, and then tries whether it works. The
// failure of a trial is the command's; the settings are there all the same.
func (a *asking) connect(ctx context.Context, s command.Streams, by *smoking, as *dialect, build func(*Target) (*result, string, error)) error {
	t, f, err := a.find(ctx, s)
	if err != nil {
		return err
	}
	r, text, err := build(t)
	if err != nil {
		return err
	}
	r.Model, r.Server = alias, f
	if !a.JSON {
		if _, err := io.WriteString(s.Out, text); err != nil || !by.Smoke {
			return err
		}
		tried := as.try(ctx, a, by.SmokeTimeout)
		tried.says(s.Err) // the output may go into a shell
		return tried.failed
	}
	if by.Smoke {
		r.Smoke = as.try(ctx, a, by.SmokeTimeout)
	}
	e := json.NewEncoder(s.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil || r.Smoke == nil || r.Smoke.OK {
		return err
	}
	return &command.Silent{Err: r.Smoke.failed}
}

// says is what became of the settings file, for a person.
func (w *written) says(then string) string {
	var b strings.Builder
	switch {
	case !w.Changed:
		fmt.Fprintf(&b, "%s says so already.\n", w.File)
	case w.Backup == "":
		fmt.Fprintf(&b, "Wrote %s.\n", w.File)
	default:
		fmt.Fprintf(&b, "Wrote %s; what it was is in %s.\n", w.File, w.Backup)
	}
	b.WriteString(then)
	return b.String()
}

// put writes settings that content makes of the old ones.
func (w *writing) put(r *result, content func(old []byte) ([]byte, error), then string) (text string, err error) {
	if r.written, err = replace(w.File, content); err != nil {
		return "", err
	}
	return r.says(then), nil
}

type claudeCmd struct {
	writing
	smoking
	asking
}

// Help is what mtplx connect claude-code --help says above the flags.
func (c *claudeCmd) Help() string {
	return "Prints variables for one shell. With --write, every Claude Code of this user talks to mtplx until the settings are put back."
}

// Run implements the command.
func (c *claudeCmd) Run(ctx context.Context, s command.Streams) error {
	return c.connect(ctx, s, &c.smoking, &anthropic, func(t *Target) (r *result, text string, err error) {
		r = &result{Client: "claude-code", BaseURL: t.Base, Command: "claude"}
		vars := t.ClaudeCode()
		r.variables(vars)
		if c.Write {
			if c.File == "" {
				if c.File, err = claudeFile(); err != nil {
					return nil, "", command.Usage(err, "set HOME, or give --file")
				}
			}
			text, err = c.put(r, t.claudeSettings, "Claude Code talks to "+t.Base+" from now on.\n")
			return r, text, err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "# Claude Code talks to %s where these are set.\nunset ANTHROPIC_API_KEY\n", t.Base)
		for i := range vars {
			fmt.Fprintf(&b, "export %s\n", Assignments(vars[i:i+1]))
		}
		return r, b.String(), nil
	})
}

type codexCmd struct {
	writing
	smoking
	asking
}

// Help is what mtplx connect codex --help says above the flags.
func (c *codexCmd) Help() string {
	return "Prints a profile, a file that Codex reads when it is started with --profile mtplx. --write puts it in its place; Codex's own settings stay as they are."
}

// Run implements the command.
func (c *codexCmd) Run(ctx context.Context, s command.Streams) error {
	return c.connect(ctx, s, &c.smoking, &responses, func(t *Target) (r *result, text string, err error) {
		if c.File == "" {
			dir, err := codexHome()
			if err != nil {
				return nil, "", command.Usage(err, "set HOME or CODEX_HOME, or give --file")
			}
			c.File = filepath.Join(dir, alias+".config.toml")
		}
		if o := codexObstacle(c.File); o != "" {
			fmt.Fprintln(s.Err, "mtplx:", o)
		}
		r = &result{Client: "codex", BaseURL: t.Base + "/v1", Command: "codex --profile " + alias}
		profile := t.codexProfile()
		if c.Write {
			text, err = c.put(r, func([]byte) ([]byte, error) { return []byte(profile), nil }, "Start it with codex --profile "+alias+".\n")
			return r, text, err
		}
		r.Content, r.written = profile, &written{File: c.File}
		return r, fmt.Sprintf("# Belongs into %s; mtplx connect codex --write puts it there.\n%s", c.File, profile), nil
	})
}

type openWebUICmd struct {
	container
	smoking
	asking
}

// Run implements the command.
func (c *openWebUICmd) Run(ctx context.Context, s command.Streams) error {
	return c.connect(ctx, s, &c.smoking, &completions, func(t *Target) (r *result, text string, err error) {
		line, needs, err := c.command(t, runtime.GOOS)
		if err != nil {
			return nil, "", err
		}
		r = &result{Client: "openwebui", BaseURL: t.Base + "/v1", Command: line}
		r.variables(t.OpenAI())
		key := "any, such as " + anyKey
		if t.Key {
			key = "one of the server's"
		}
		if needs != "" {
			needs += "\n"
		}
		return r, fmt.Sprintf("In Open WebUI, Admin Settings, Connections, OpenAI API:\n  URL  %s/v1\n  Key  %s\nOr start one that is connected, with its page at http://127.0.0.1:%d:\n  %s\n%s", t.Base, key, c.Port, line, needs), nil
	})
}
