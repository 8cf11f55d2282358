package start

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// option is one answer to a question.
type option struct{ label, detail string }

// asker puts questions to a person.
type asker interface {
	// choose returns the number of an option; at is the one that Enter takes.
	choose(ctx context.Context, title string, options []option, at int) (int, error)
	// enter returns a text that check has accepted, as check returns it.
	enter(ctx context.Context, title string, check func(string) (string, error)) (string, error)
	// tell says something that stays.
	tell(text string)
}

// How a question may end without an answer.
var (
	errBack = errors.New("one step back")
	errLeft = errors.New("left before anything was started")
)

// wizard asks for what is not known yet.
type wizard struct {
	ask    asker
	models string // the folder of the user's models
	last   *Choice
	given  Choice                  // by flags; empty fields are asked for
	fixed  bool                    // the model was given
	tuned  func(model string) bool // whether mtplx tune has kept something for a model here; nil is for none
}

// run returns what was chosen.
func (w *wizard) run(ctx context.Context) (Choice, error) {
	if w.last != nil {
		at, err := w.ask.choose(ctx, "What shall run?", []option{
			{"The same as last time", w.last.String()},
			{"Something else", "three questions"},
		}, 0)
		if err != nil && !errors.Is(err, errBack) {
			return Choice{}, err
		}
		if err == nil && at == 0 {
			return *w.last, nil
		}
	}
	c := defaults()
	if w.last != nil {
		c = *w.last
	}
	var steps []func(context.Context, *Choice) error
	for _, s := range []struct {
		asked bool
		step  func(context.Context, *Choice) error
	}{{!w.fixed, w.model}, {w.given.Profile == "", w.profile}, {w.given.Target == "", w.target}} {
		if s.asked {
			steps = append(steps, s.step)
		}
	}
	for i := 0; i < len(steps); {
		switch err := steps[i](ctx, &c); {
		case errors.Is(err, errBack):
			i = max(i-1, 0)
		case err != nil:
			return Choice{}, err
		default:
			i++
		}
	}
	return w.with(c), nil
}

// with puts what flags say into a choice.
func (w *wizard) with(c Choice) Choice {
	if w.fixed {
		c.Model = w.given.Model
	}
	if w.given.Profile != "" {
		c.Profile = w.given.Profile
	}
	if w.given.Target != "" {
		c.Target = w.given.Target
	}
	return c
}

func (w *wizard) model(ctx context.Context, c *Choice) error {
	found := append([]string{""}, command.Models(w.models)...)
	if !slices.Contains(found, c.Model) {
		found = append(found, c.Model)
	}
	options := make([]option, 1, len(found)+1)
	options[0] = option{"The embedded model", "a small demonstration inside this program; works offline"}
	at := 0
	for i, dir := range found[1:] {
		detail := dir
		if !filepath.IsAbs(dir) {
			detail = "pulled from the hub"
		}
		options = append(options, option{modelName(dir), detail})
		if dir == c.Model {
			at = i + 1
		}
	}
	options = append(options, option{"Another folder", "with config.json and safetensors in it"})
	for {
		i, err := w.ask.choose(ctx, "Which model?", options, at)
		if err != nil {
			return err
		}
		at = i
		var dir string
		if i == len(found) {
			dir, err = w.ask.enter(ctx, "Its folder:", func(text string) (string, error) {
				if text = strings.TrimSpace(text); text == "" {
					return "", errors.New("give a folder, or go back with Esc")
				}
				return checkModel(ctx, expand(text))
			})
		} else if dir = found[i]; dir != "" {
			dir, err = checkModel(ctx, dir)
		}
		switch {
		case errors.Is(err, errBack):
			continue
		case errors.Is(err, errLeft) || ctx.Err() != nil:
			return err
		case err != nil:
			w.ask.tell("That model cannot be used: " + err.Error() + ". Choose another one.")
			continue
		}
		c.Model = dir
		w.ask.tell("Model: " + modelName(dir))
		return nil
	}
}

// expand reads ~ as a shell does.
func expand(path string) string {
	if home, err := os.UserHomeDir(); err == nil && (path == "~" || strings.HasPrefix(path, "~/")) {
		return filepath.Join(home, path[1:])
	}
	return path
}

func (w *wizard) profile(ctx context.Context, c *Choice) error {
	options := make([]option, 0, len(runtime.Profiles))
	at := 0
	for _, p := range runtime.Profiles {
		if p.Name == runtime.Tuned && (w.tuned == nil || !w.tuned(w.with(*c).Model)) {
			continue
		}
		if p.Name == c.Profile {
			at = len(options)
		}
		options = append(options, option{p.Name, p.Summary})
	}
	i, err := w.ask.choose(ctx, "How shall it compute?", options, at)
	if err != nil {
		return err
	}
	c.Profile = options[i].label
	w.ask.tell("Profile: " + c.Profile)
	return nil
}

func (w *wizard) target(ctx context.Context, c *Choice) error {
	targets := []Target{Terminal, Browser, Server}
	options := []option{
		{"In the terminal", "a chat right here"},
		{"In the browser", "a chat on a page of this machine"},
		{"As a server", "for programs that speak OpenAI's or Anthropic's dialect"},
	}
	at := 0
	for i, t := range targets {
		if t == c.Target {
			at = i
		}
	}
	i, err := w.ask.choose(ctx, "Where do you want to talk to it?", options, at)
	if err != nil {
		return err
	}
	c.Target = targets[i]
	w.ask.tell("Talk: " + strings.ToLower(options[i].label[:1]) + options[i].label[1:])
	return nil
}
