package start

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/terminal"
)

// drawn asks on a terminal that draws. Questions come from the wizard's goroutine; the program's loop owns everything else.
type drawn struct {
	frame *terminal.Frame
	theme markdown.Theme
	send  func(tea.Msg)

	above   []string
	current *question
	early   []tea.Msg // keys from before the question
	failed  error
}

// question waits for its answer.
type question struct {
	title   string
	options []option // none: a text is entered
	at      int
	input   textinput.Model
	check   func(string) (string, error)
	wrong   string
	answer  chan answer // holds one
}

type answer struct {
	at   int
	text string
	err  error
}

type (
	tellMsg string
	sizeMsg struct{ width, height int }
)

// onScreen runs a wizard on a terminal.
func onScreen(parent context.Context, in io.Reader, out io.Writer, run func(context.Context, asker) error) (err error) {
	screen, err := terminal.NewScreen(in, out)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	width, height := terminal.Size(out)
	d := &drawn{frame: terminal.NewFrame(out, width, height), theme: terminal.Theme(os.Getenv)}
	if err := screen.Enter(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, screen.Leave()) }()
	p := tea.NewProgram(d, tea.WithInput(in), tea.WithOutput(io.Discard), tea.WithoutRenderer(), tea.WithoutSignalHandler())
	d.send = p.Send
	defer context.AfterFunc(ctx, p.Quit)()
	defer screen.WatchSize(ctx, func(w, h int) { p.Send(sizeMsg{w, h}) })()
	var asking sync.WaitGroup
	asking.Go(func() {
		defer p.Quit()
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("the questions have failed: %v\n%s", r, debug.Stack())
			}
		}()
		err = run(ctx, d)
	})
	_, broken := p.Run()
	cancel()
	asking.Wait()
	_ = d.frame.Draw(d.above, nil, terminal.Cursor{})
	if parent.Err() != nil {
		return parent.Err()
	}
	return errors.Join(err, broken, d.failed)
}

func (d *drawn) choose(ctx context.Context, title string, options []option, at int) (int, error) {
	a := d.put(ctx, &question{title: title, options: options, at: at})
	return a.at, a.err
}

func (d *drawn) enter(ctx context.Context, title string, check func(string) (string, error)) (string, error) {
	in := textinput.New()
	in.Prompt = ""
	in.SetVirtualCursor(false)
	in.SetStyles(textinput.Styles{})
	in.Focus()
	a := d.put(ctx, &question{title: title, input: in, check: check})
	return a.text, a.err
}

// put shows a question and waits for its answer.
func (d *drawn) put(ctx context.Context, q *question) answer {
	q.answer = make(chan answer, 1)
	d.send(q)
	select {
	case a := <-q.answer:
		return a
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	}
}

func (d *drawn) tell(text string) { d.send(tellMsg(text)) }

// Init implements tea.Model.
func (d *drawn) Init() tea.Cmd { return nil }

// View implements tea.Model: frames are drawn by Update.
func (d *drawn) View() tea.View { return tea.NewView("") }

// Update implements tea.Model.
func (d *drawn) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case *question:
		d.current = m
		early := d.early
		d.early = nil
		for _, k := range early {
			d.key(k)
		}
	case tellMsg:
		width, _ := d.frame.Size()
		for line := range strings.SplitSeq(lipgloss.Wrap(markdown.Clean(string(m)), width, ""), "\n") {
			d.above = append(d.above, d.theme.Paint(markdown.Faint, line))
		}
	case sizeMsg:
		d.frame.Resize(m.width, m.height)
	case tea.KeyPressMsg, tea.PasteMsg:
		d.key(m)
	default:
		return d, nil
	}
	d.draw()
	return d, nil
}

// key acts on a key, or keeps it for the next question.
func (d *drawn) key(m tea.Msg) {
	q := d.current
	if q == nil {
		d.early = append(d.early, m)
		return
	}
	k, _ := m.(tea.KeyPressMsg)
	name := k.String()
	if name == "ctrl+j" { // Enter, as it arrives when it was pressed before the terminal was ours
		name = "enter"
	}
	switch {
	case name == "ctrl+c" || name == "ctrl+d":
		d.reply(answer{err: errLeft})
	case name == "esc" || name == "left" && q.options != nil:
		d.reply(answer{err: errBack})
	case name == "enter" && q.options != nil:
		d.reply(answer{at: q.at})
	case name == "enter":
		text, err := q.check(q.input.Value())
		if err != nil {
			q.wrong = err.Error()
			return
		}
		d.reply(answer{text: text})
	case q.options == nil:
		q.wrong = ""
		q.input, _ = q.input.Update(m)
	case name == "up" || name == "k" || name == "shift+tab":
		q.at = (q.at + len(q.options) - 1) % len(q.options)
	case name == "down" || name == "j" || name == "tab":
		q.at = (q.at + 1) % len(q.options)
	case len(name) == 1 && name[0] >= '1' && int(name[0]-'1') < len(q.options) && name[0] <= '9':
		d.reply(answer{at: int(name[0] - '1')})
	}
}

func (d *drawn) reply(a answer) {
	d.current.answer <- a
	d.current = nil
}

// draw writes a frame.
func (d *drawn) draw() {
	above := d.above
	d.above = nil
	var lines []string
	at := terminal.Cursor{}
	if d.current != nil {
		lines, at = d.current.lines(d)
	}
	if err := d.frame.Draw(above, lines, at); err != nil && d.failed == nil {
		d.failed = err
	}
}

func (q *question) lines(d *drawn) (lines []string, at terminal.Cursor) {
	width, height := d.frame.Size()
	lines = append(lines, d.theme.Paint(markdown.Bold, markdown.Fit(q.title, width)))
	if q.options == nil {
		q.input.SetWidth(max(width-3, 1))
		lines = append(lines, d.theme.Paint(markdown.Prompt, ">")+" "+q.input.View())
		if c := q.input.Cursor(); c != nil {
			at = terminal.Cursor{X: 2 + c.X, Y: 1}
		}
		if q.wrong != "" {
			for line := range strings.SplitSeq(lipgloss.Wrap(markdown.Clean(q.wrong), width, ""), "\n") {
				lines = append(lines, d.theme.Paint(markdown.Warning, line))
			}
		}
		return append(lines, d.theme.Paint(markdown.Faint, markdown.Fit("Enter takes it, Esc goes back, Ctrl-C leaves.", width))), at
	}
	room := max(height-2, 1)
	from := max(0, min(q.at-room/2, len(q.options)-room))
	labels := 0
	for _, o := range q.options {
		labels = max(labels, lipgloss.Width(o.label))
	}
	for i, o := range q.options[from:min(from+room, len(q.options))] {
		mark, look := "  ", markdown.Look{}
		if from+i == q.at {
			mark, look = d.theme.Paint(markdown.Prompt, ">")+" ", markdown.Bold
			at = terminal.Cursor{Y: len(lines)}
		}
		pad := strings.Repeat(" ", labels-lipgloss.Width(o.label)+2)
		line := mark + d.theme.Paint(look, markdown.Clean(o.label)) + pad + d.theme.Paint(markdown.Faint, markdown.Clean(o.detail))
		lines = append(lines, markdown.Fit(line, width))
	}
	return append(lines, d.theme.Paint(markdown.Faint, markdown.Fit("Up and Down choose, Enter takes, Esc goes back, Ctrl-C leaves.", width))), at
}
