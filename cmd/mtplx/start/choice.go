package start

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/qwen"
)

// Target is where to talk to the model.
type Target string

// The targets.
const (
	Terminal Target = "terminal"
	Browser  Target = "browser"
	Server   Target = "server"
)

// Choice is what start.json holds.
type Choice struct {
	Model   string `json:"model"` // a directory or the name of a pulled model; "" is the embedded one
	Profile string `json:"profile"`
	Target  Target `json:"target"`
}

// defaults is what --yes takes when nothing was chosen before.
func defaults() Choice { return Choice{Profile: runtime.Profiles[0].Name, Target: Terminal} }

// command is the command line, after mtplx, that does what was chosen.
func (c Choice) command(port int) []string {
	args := []string{"chat"}
	if c.Target != Terminal {
		args = []string{"serve"}
		if port != defaultPort {
			args = append(args, "--port", strconv.Itoa(port))
		}
	}
	if c.Model != "" {
		args = append(args, "--model", c.Model)
	}
	if c.Profile != runtime.Profiles[0].Name {
		args = append(args, "--profile", c.Profile)
	}
	return args
}

// String says it to a person.
func (c Choice) String() string {
	return fmt.Sprintf("%s, %s, %s", modelName(c.Model), c.Profile, map[Target]string{
		Terminal: "in the terminal", Browser: "in the browser", Server: "as a server",
	}[c.Target])
}

func modelName(model string) string {
	switch {
	case model == "":
		return "the embedded model"
	case filepath.IsAbs(model):
		return filepath.Base(model)
	default: // a pulled model's
		return model
	}
}

// check refuses what cannot be started.
func (c Choice) check(ctx context.Context) error {
	if _, err := runtime.FindProfile(c.Profile); err != nil {
		return err
	}
	switch c.Target {
	case Terminal, Browser, Server:
	default:
		return fmt.Errorf("unknown target %q", c.Target)
	}
	if c.Model == "" {
		return nil
	}
	_, err := checkModel(ctx, c.Model)
	return err
}

// checkModel reads a checkpoint's configuration and the list of its tensors. The name of a pulled model comes back as it is, a
// path absolute.
func checkModel(ctx context.Context, model string) (string, error) {
	p, err := command.Locate(model)
	if err != nil {
		return "", err
	}
	defer p.Release()
	if p.Name == "" {
		if model, err = filepath.Abs(model); err != nil {
			return "", fmt.Errorf("find model: %w", err)
		}
		p.Dir = model
	}
	if err := p.Check(ctx, false); err != nil {
		return "", err
	}
	set, _, err := runtime.OpenSet(p.Dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = set.Close() }()
	_, err = qwen.Load(set)
	return model, err
}

// recall reads the last choice. Without a file it is nil; one that cannot be used is an error.
func recall(ctx context.Context, path string) (*Choice, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the last choice: %w", err)
	}
	var c Choice
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("read the last choice from %s: %w", path, err)
	}
	if err := c.check(ctx); err != nil {
		return nil, fmt.Errorf("the last choice cannot be taken again: %w", err)
	}
	return &c, nil
}

// remember keeps a choice.
func remember(path string, c Choice) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = command.ReplaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("the choice is not remembered: %w", err)
	}
	return nil
}
