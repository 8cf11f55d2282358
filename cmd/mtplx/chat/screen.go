package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
)

// screen is the conversation as it is drawn. The program's loop owns it; what runs beside it sends messages.
type screen struct {
	*talk
	ctx      context.Context //nolint:containedctx // the loop's messages have none, and answers end with it
	terminal *terminal.Screen
	frame    *terminal.Frame
	out      io.Writer
	theme    markdown.Theme
	input    textarea.Model

	above   []string // lines that scroll away with the next frame
	hint    string   // above the input, until the next key
	warns   bool     // the hint is a warning
	leaving bool     // Ctrl-C was pressed at an empty prompt
	answer  *answering
	send    func(tea.Msg)  // to the loop, from anywhere
	working sync.WaitGroup // what runs beside the loop
	failed  error
}

// Messages of the loop beyond bubbletea's.
type (
	frameMsg    struct{ of *answering }
	answeredMsg struct {
		question string
		answer   *conversation.Answer
		err      error
	}
	workedMsg struct {
		say string
		err error
	}
	brokenMsg struct{ err error }
	sizeMsg   struct{ width, height int }
)

// frameTime is how often a growing answer is drawn.
const frameTime = time.Second / 30

// converse draws the conversation on a terminal until the user leaves or ctx ends.
func (t *talk) converse(parent context.Context, s command.Streams, notices []string) (err error) {
	term, err := terminal.NewScreen(s.In, s.Out)
	if err != nil {
		return runtime.Fail(runtime.Environment, err, "")
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	width, height := terminal.Size(s.Out)
	u := &screen{
		talk: t, ctx: ctx, terminal: term, out: s.Out, theme: terminal.Theme(os.Getenv),
		frame: terminal.NewFrame(s.Out, width, height),
	}
	u.input = newInput(u.theme)
	u.resize(width, height)
	u.greet(notices)
	if err := term.Enter(); err != nil {
		return runtime.Fail(runtime.Environment, err, "")
	}
	defer func() {
		cancel()
		u.working.Wait()
		err = errors.Join(err, term.Leave())
	}()
	// Drawing and the terminal's modes are our own: what is finished and what is redrawn must change in one write.
	p := tea.NewProgram(u, tea.WithInput(s.In), tea.WithOutput(io.Discard), tea.WithoutRenderer(), tea.WithoutSignalHandler())
	u.send = p.Send
	defer context.AfterFunc(parent, p.Quit)() // not by bubbletea's own context, which would leave a read of the terminal behind
	stop := term.WatchSize(ctx, func(w, h int) { p.Send(sizeMsg{w, h}) })
	defer stop()
	_, err = p.Run()
	cancel()
	_ = u.frame.Draw(u.take(), nil, terminal.Cursor{})
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return runtime.Fail(runtime.General, errors.New("the chat has failed; what is above says where"), "")
	case parent.Err() != nil:
		return parent.Err()
	case u.failed == nil && err != nil:
		return runtime.Fail(runtime.Environment, fmt.Errorf("read the terminal: %w", err), "")
	}
	return u.failed
}

// beside runs something while the loop goes on, which gets its message. A panic ends the program, with its terminal restored.
func (u *screen) beside(work func() tea.Msg) {
	u.working.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				u.send(brokenMsg{fmt.Errorf("the chat has failed: %v\n%s", r, debug.Stack())})
			}
		}()
		u.send(work())
	})
}

func newInput(theme markdown.Theme) textarea.Model {
	in := textarea.New()
	in.ShowLineNumbers = false
	in.DynamicHeight, in.MaxContentHeight = true, math.MaxInt32
	in.CharLimit, in.MaxWidth = 0, 0
	in.EndOfBufferCharacter = ' '
	in.Placeholder = "Ask something; /help lists commands"
	in.SetPromptFunc(2, func(p textarea.PromptInfo) string {
		if p.LineNumber == 0 {
			return theme.Paint(markdown.Prompt, ">") + " "
		}
		return "  "
	})
	look := textarea.StyleState{Placeholder: lipgloss.NewStyle().Faint(true), Selection: lipgloss.NewStyle().Reverse(true)}
	in.SetStyles(textarea.Styles{Focused: look, Blurred: look})
	in.SetVirtualCursor(false)
	in.KeyMap.InsertNewline = key.NewBinding(key.WithKeys("alt+enter", "shift+enter", "ctrl+j"))
	in.KeyMap.Paste = key.NewBinding() // the terminal pastes; asking the clipboard would start a program
	in.Focus()
	return in
}

func (u *screen) greet(notices []string) {
	m := u.Model()
	u.say(markdown.Faint, fmt.Sprintf("mtplx %s · %s · context %s · /help lists commands", command.Version, m.Name, conversation.Count(m.Context, "token")))
	for _, n := range notices {
		u.say(markdown.Warning, n)
	}
	u.above = append(u.above, "")
}

// Init implements tea.Model.
func (u *screen) Init() tea.Cmd {
	u.draw()
	return nil
}

// View implements tea.Model: frames are drawn by Update.
func (u *screen) View() tea.View { return tea.NewView("") }

// Update implements tea.Model.
func (u *screen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch m := m.(type) {
	case sizeMsg: // not bubbletea's, which does not know the terminal
		if w, h := u.frame.Size(); w != m.width || h != m.height {
			u.frame.Resize(m.width, m.height)
			u.resize(m.width, m.height)
		}
	case tea.KeyPressMsg:
		cmd = u.key(m)
	case tea.PasteMsg:
		cmd = u.paste(m)
	case frameMsg:
		if u.answer != nil && u.answer == m.of {
			u.answer.grow(u)
			cmd = u.answer.tick()
		}
	case answeredMsg:
		u.answered(m)
	case workedMsg:
		u.answer = nil
		if m.err != nil {
			u.complain(m.err)
		} else {
			u.say(markdown.Look{}, m.say)
			u.above = append(u.above, "")
		}
	case brokenMsg:
		u.answer, u.failed, cmd = nil, runtime.Fail(runtime.General, m.err, ""), tea.Quit
	default:
		return u, nil
	}
	u.draw()
	return u, cmd
}

// tick asks for the next frame.
func (a *answering) tick() tea.Cmd {
	return tea.Tick(frameTime, func(time.Time) tea.Msg { return frameMsg{a} })
}

func (u *screen) resize(width, height int) {
	u.input.MaxHeight = max(1, height/3)
	u.input.SetWidth(width)
	if a := u.answer; a != nil && a.text != nil {
		a.text.SetWidth(width)
		a.thoughts.SetWidth(width)
	}
}

// say adds text above what is drawn.
func (u *screen) say(look markdown.Look, text string) {
	width, _ := u.frame.Size()
	u.sayWithin(width, look, text)
}

// complain shows what went wrong.
func (u *screen) complain(err error) {
	u.say(markdown.Warning, explain(err))
	u.above = append(u.above, "")
}

func (u *screen) take() []string {
	lines := u.above
	u.above = nil
	return lines
}
