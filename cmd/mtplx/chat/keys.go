package chat

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/terminal"
)

// key acts on a key.
func (u *screen) key(k tea.KeyPressMsg) tea.Cmd {
	armed := u.leaving
	u.hint, u.warns, u.leaving = "", false, false
	switch k.String() {
	case "ctrl+c":
		return u.interrupt(armed)
	case "ctrl+d":
		if u.input.Value() == "" {
			return u.leave()
		}
	case "ctrl+z":
		return u.suspend()
	case "ctrl+l":
		u.clearScreen()
		return nil
	case "esc":
		if u.answer != nil {
			u.answer.stop()
		}
		return nil
	case "enter":
		return u.enter()
	case "up":
		if u.input.Line() == 0 && u.input.LineInfo().RowOffset == 0 {
			u.recall(u.history.older(u.input.Value()))
			return nil
		}
	case "down":
		if info := u.input.LineInfo(); u.input.Line() == u.input.LineCount()-1 && info.RowOffset >= info.Height-1 {
			u.recall(u.history.newer())
			return nil
		}
	}
	var cmd tea.Cmd
	u.input, cmd = u.input.Update(k)
	return cmd
}

// mostLines is how many lines an input has at most: what the widget holds, it would cut without a word.
const mostLines = 9999

// paste inserts a text as it stands.
func (u *screen) paste(p tea.PasteMsg) (cmd tea.Cmd) {
	u.hint, u.warns, u.leaving = "", false, false
	p.Content = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(p.Content) // each line break once
	if n := strings.Count(p.Content, "\n") + u.input.LineCount(); n > mostLines {
		u.hint, u.warns = fmt.Sprintf("These are %s lines, more than fit here. mtplx ask takes them through a pipe.", conversation.Thousands(n)), true
		return nil
	}
	u.input, cmd = u.input.Update(p)
	return cmd
}

// recall puts an entry of the history into the input.
func (u *screen) recall(entry string, found bool) {
	if found {
		u.input.SetValue(entry)
		u.input.MoveToEnd()
	}
}

// interrupt stops what runs, or empties the input, or leaves when it was pressed before.
func (u *screen) interrupt(armed bool) tea.Cmd {
	switch {
	case u.answer != nil:
		u.answer.stop()
	case u.input.Value() != "":
		u.input.Reset()
	case armed:
		return u.leave()
	default:
		u.hint, u.leaving = "Ctrl-C again leaves.", true
	}
	return nil
}

// leave ends the program, after what runs has stopped.
func (u *screen) leave() tea.Cmd {
	if u.answer != nil {
		u.answer.stop()
	}
	return tea.Quit
}

func (u *screen) suspend() tea.Cmd {
	if err := u.frame.Close(); err != nil {
		u.failed = err
	}
	if err := u.terminal.Suspend(); err != nil {
		u.failed = err
		return u.leave()
	}
	width, height := terminal.Size(u.out)
	u.frame = terminal.NewFrame(u.out, width, height)
	u.resize(width, height)
	return nil
}

func (u *screen) clearScreen() {
	_, _ = u.out.Write([]byte("\x1b[H\x1b[2J"))
	width, height := u.frame.Size()
	u.frame = terminal.NewFrame(u.out, width, height)
}

// enter sends the input, or begins a line after a backslash.
func (u *screen) enter() tea.Cmd {
	text := u.input.Value()
	if line, goesOn := strings.CutSuffix(text, `\`); goesOn {
		u.input.SetValue(line + "\n")
		u.input.MoveToEnd()
		return nil
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if u.answer != nil {
		u.hint, u.warns = "Wait for the end, or stop it with Ctrl-C, before you send this.", true
		return nil
	}
	u.input.Reset()
	if err := u.history.add(text); err != nil {
		u.complain(err)
	}
	u.echo(text)
	if isCommand(text) {
		return u.obey(text)
	}
	return u.ask(text)
}

// echo shows what was sent.
func (u *screen) echo(text string) {
	first := len(u.above)
	width, _ := u.frame.Size()
	u.sayWithin(max(width-2, 1), markdown.Bold, text)
	for i := first; i < len(u.above); i++ {
		mark := "  "
		if i == first {
			mark = u.theme.Paint(markdown.Prompt, ">") + " "
		}
		u.above[i] = mark + u.above[i]
	}
}

// obey runs a command.
func (u *screen) obey(text string) tea.Cmd {
	o, err := u.command(text)
	switch {
	case err != nil:
		u.complain(err)
		return nil
	case o.leave:
		return u.leave()
	case o.work != nil:
		ctx, cancel := context.WithCancel(u.ctx)
		u.answer = &answering{what: o.what, live: u.Model().Live, cancel: cancel}
		u.beside(func() tea.Msg {
			defer cancel()
			say, err := o.work(ctx)
			return workedMsg{say, err}
		})
		return u.answer.tick()
	case o.clear:
		u.above = nil
		u.clearScreen()
	}
	u.say(markdown.Faint, o.say)
	u.above = append(u.above, "")
	return nil
}
