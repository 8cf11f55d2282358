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

// print prints the result as JSON, or as text.
func (r *result) print(out io.Writer, asJSON bool, text string) error {
	if !asJSON {
		_, err := io.WriteString(out, text)
		return err
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(r)
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

type claudeCmd struct {
	writing
	asking
}

// Help is what mtplx connect claude-code --help says above the flags.
func (c *claudeCmd) Help() string {
	return "Prints variables for one shell. With --write, every Claude Code of this user talks to mtplx until the settings are put back."
}

// Run implements the command.
func (c *claudeCmd) Run(ctx context.Context, s command.Streams) error {
	t, f, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	r := &result{Client: "claude-code", BaseURL: t.Base, Model: alias, Server: f, Command: "claude"}
	vars := t.ClaudeCode()
	r.variables(vars)
	if c.Write {
		if c.File == "" {
			if c.File, err = claudeFile(); err != nil {
				return command.Usage(err, "set HOME, or give --file")
			}
		}
		if r.written, err = replace(c.File, t.claudeSettings); err != nil {
			return err
		}
		return r.print(s.Out, c.JSON, r.says("Claude Code talks to "+t.Base+" from now on.\n"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Claude Code talks to %s where these are set.\nunset ANTHROPIC_API_KEY\n", t.Base)
	for i := range vars {
		fmt.Fprintf(&b, "export %s\n", Assignments(vars[i:i+1]))
	}
	return r.print(s.Out, c.JSON, b.String())
}

type codexCmd struct {
	writing
	asking
}

// Help is what mtplx connect codex --help says above the flags.
func (c *codexCmd) Help() string {
	return "Prints a profile, a file that Codex reads when it is started with --profile mtplx. --write puts it in its place; Codex's own settings stay as they are."
}

// Run implements the command.
func (c *codexCmd) Run(ctx context.Context, s command.Streams) error {
	t, f, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	if c.File == "" {
		dir, err := codexHome()
		if err != nil {
			return command.Usage(err, "set HOME or CODEX_HOME, or give --file")
		}
		c.File = filepath.Join(dir, alias+".config.toml")
	}
	if o := codexObstacle(c.File); o != "" {
		fmt.Fprintln(s.Err, "mtplx:", o)
	}
	r := &result{Client: "codex", BaseURL: t.Base + "/v1", Model: alias, Server: f, Command: "codex --profile " + alias}
	if c.Write {
		if r.written, err = replace(c.File, func([]byte) ([]byte, error) { return []byte(t.codexProfile()), nil }); err != nil {
			return err
		}
		return r.print(s.Out, c.JSON, r.says("Start it with codex --profile "+alias+".\n"))
	}
	r.Content, r.written = t.codexProfile(), &written{File: c.File}
	return r.print(s.Out, c.JSON, fmt.Sprintf("# Belongs into %s; mtplx connect codex --write puts it there.\n%s", c.File, r.Content))
}

type openWebUICmd struct {
	container
	asking
}

// Run implements the command.
func (c *openWebUICmd) Run(ctx context.Context, s command.Streams) error {
	t, f, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	line, needs, err := c.command(t, runtime.GOOS)
	if err != nil {
		return err
	}
	r := &result{Client: "openwebui", BaseURL: t.Base + "/v1", Model: alias, Server: f, Command: line}
	r.variables(t.OpenAI())
	key := "any, such as " + anyKey
	if t.Key {
		key = "one of the server's"
	}
	if needs != "" {
		needs += "\n"
	}
	return r.print(s.Out, c.JSON, fmt.Sprintf("In Open WebUI, Admin Settings, Connections, OpenAI API:\n  URL  %s/v1\n  Key  %s\nOr start one that is connected, with its page at http://127.0.0.1:%d:\n  %s\n%s", t.Base, key, c.Port, line, needs))
}
