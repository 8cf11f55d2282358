package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
)

// talk is a conversation with what its commands need.
type talk struct {
	*conversation.Conversation
	history *history
	fold    bool // thoughts are counted, not shown
	now     func() time.Time
	// open opens the model in a directory or of a pulled model's name, "" being the embedded one.
	open func(directory string) (*conversation.Model, error)
	// models is the folder that holds the user's models.
	models string
}

// close releases the model.
func (t *talk) close() {
	if m := t.Model(); m != nil {
		m.Close()
	}
}

// explain puts an error into a sentence that says what to do.
func explain(err error) string {
	if full, ok := errors.AsType[*conversation.FullError](err); ok {
		return full.Error() + ". /forget drops the oldest question and answer, /clear starts anew."
	}
	return err.Error()
}

// ended says why an answer that is over ended early, if it did.
func (t *talk) ended(a *conversation.Answer) string {
	switch {
	case a.Full:
		return fmt.Sprintf("The context of %s is full, and the answer ends there. /forget drops the oldest question and answer, /clear starts anew.", conversation.Count(t.Model().Context, "token"))
	case a.Finish == "length":
		return fmt.Sprintf("The answer was cut at %s. --max-tokens allows more.", conversation.Count(len(a.Tokens), "token"))
	}
	return ""
}

// embedded is what /model calls the model inside the program.
const embedded = "embedded"

func (t *talk) model(arg string) (outcome, error) {
	if arg == "" {
		return outcome{say: t.list()}, nil
	}
	directory, err := t.find(arg)
	if err != nil {
		return outcome{}, err
	}
	if directory == t.Model().Directory {
		return outcome{say: t.Model().Name + " answers already."}, nil
	}
	return outcome{what: "loading", work: func(context.Context) (string, error) { return t.replace(directory) }}, nil
}

// replace lets another model answer. The old one is closed first: memory need not hold both. If the new one cannot be opened,
// the old one is opened again.
func (t *talk) replace(directory string) (string, error) {
	old := t.Model()
	old.Close()
	m, err := t.open(directory)
	if err == nil {
		t.Use(m)
		return fmt.Sprintf("%s answers from now on; its context holds %s.", m.Name, conversation.Count(m.Context, "token")), nil
	}
	again, second := t.open(old.Directory)
	if second != nil {
		gone := *old
		gone.Close = func() {} // it is closed
		t.Use(&gone)
		return "", fmt.Errorf("%w, and %s cannot be opened again: %w; /exit leaves", err, old.Name, second)
	}
	t.Use(again)
	return "", fmt.Errorf("%w. %s goes on answering", err, old.Name)
}

// find is the directory that a model's name means, or the name of one that was pulled.
func (t *talk) find(name string) (string, error) {
	if name == embedded {
		return "", nil
	}
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			name = filepath.Join(home, rest)
		}
	}
	for _, dir := range []string{name, filepath.Join(t.models, name)} {
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
			return dir, nil
		}
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s holds no config.json; give the directory of a checkpoint, or %s", name, embedded)
	}
	if p, err := command.Locate(name); err == nil && p.Name != "" {
		p.Release() // it is located anew when it is opened
		return name, nil
	}
	return "", fmt.Errorf("there is no model %q; /model lists those there are, and a directory's path works, too", name)
}

// list says which models there are.
func (t *talk) list() string {
	var b strings.Builder
	mark := func(directory string) string {
		if directory == t.Model().Directory {
			return "* "
		}
		return "  "
	}
	b.WriteString(mark("") + embedded + "\n")
	known := t.Model().Directory == ""
	for _, model := range command.Models(t.models) {
		known = known || model == t.Model().Directory
		name := model
		if filepath.IsAbs(model) {
			name = filepath.Base(model)
		}
		b.WriteString(mark(model) + name + "\n")
	}
	if !known {
		b.WriteString("* " + t.Model().Directory + "\n")
	}
	return b.String() + "/model NAME or /model DIR lets another one answer."
}
