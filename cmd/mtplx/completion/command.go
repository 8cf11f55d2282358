package completion

import (
	"encoding/json"
	"io"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
)

// Cmd writes a shell's completion script.
type Cmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
	JSON  bool   `help:"Print it as a JSON object."`
}

// Help is what mtplx help completion says of it.
func (c *Cmd) Help() string {
	return `To have it in every shell from now on:

  bash  mtplx completion bash > ~/.local/share/bash-completion/completions/mtplx
  zsh   mtplx completion zsh > "${fpath[1]}/_mtplx"
  fish  mtplx completion fish > ~/.config/fish/completions/mtplx.fish`
}

// Run implements the command.
func (c *Cmd) Run(k *kong.Kong, s command.Streams) error {
	text := Script(k.Model, c.Shell)
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			Shell  string `json:"shell"`
			Script string `json:"script"`
		}{c.Shell, text})
	}
	_, err := io.WriteString(s.Out, text)
	return err
}

// Script is the completion script of a shell: bash, zsh or fish.
func Script(app *kong.Application, shell string) string {
	commands := table(app)
	switch shell {
	case "bash":
		return bash(commands)
	case "zsh":
		return zsh(commands)
	default:
		return fish(commands)
	}
}
