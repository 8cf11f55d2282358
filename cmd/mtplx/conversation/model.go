package conversation

import (
	"context"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/chat"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages"
	"mtplx/stages/commit"
)

// Engine starts sessions. It is a sched.Engine, or a test's.
type Engine interface {
	Start(r sched.Request) (Session, error)
}

// Session is one answer on its way; see sched.Session.
type Session interface {
	Next(ctx context.Context, c *commit.Chunk) error
	Cancel()
	Stats() stages.Stats
	Reused() (tokens int, reason bank.Reason)
}

// Model is what a conversation needs of a model. The caller of Open closes it.
type Model struct {
	Name      string
	Profile   string
	Directory string // or the name of a pulled model; "" is the embedded one
	Context   int    // tokens
	Depth     int    // most drafts a cycle
	HasHead   bool
	Notices   []string // what a user should know

	Tokenizer  *tokenizer.Tokenizer
	Template   *chat.Template
	StopTokens []int32
	Engine     Engine
	Live       *Live
	// Runtime is what the model was opened as; a test's model has none.
	Runtime *runtime.Runtime

	Close func()
}

// Open opens the model that flags choose, with a bank for the turns of one conversation.
func Open(ctx context.Context, f *command.ModelFlags) (*Model, error) {
	o, err := f.Options()
	if err != nil {
		return nil, err
	}
	live := &Live{}
	o.Calibrate, o.Bank, o.Observe = command.Calibration, &runtime.BankOptions{}, live.Observe
	r, shut, err := f.OpenWith(ctx, o)
	if err != nil {
		return nil, err
	}
	m := r.Model.Options()
	return &Model{
		Name: r.Name, Profile: r.Profile.Name, Directory: f.Model, Context: m.Context, Depth: m.Depth, HasHead: r.Model.HasHead(),
		Notices: r.Notices, Tokenizer: r.Tokenizer, Template: r.Template, StopTokens: r.StopTokens(), Engine: engine{r.Engine},
		Live: live, Runtime: r, Close: shut,
	}, nil
}

// engine is a sched.Engine as a conversation sees it.
type engine struct{ *sched.Engine }

func (e engine) Start(r sched.Request) (Session, error) {
	s, err := e.Engine.Start(r)
	if err != nil {
		return nil, err // not s: an interface that holds a nil session would not be nil
	}
	return s, nil
}
