package tune

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/machine"
)

func measured() *report {
	r := &report{
		Schema: schema, Model: "org/model", Machine: machine.Description{OS: "linux", Arch: "amd64", Processor: "A processor with a long name", Tier: "vnni", Threads: 16},
		Suite: mix, Prompts: 6, Tokens: 64, Budget: 60, Default: tuning.Settings{Depth: "auto", DraftHead: "4", DraftVocab: "auto", Device: "auto"}, Path: "/home/somebody/.mtplx/tune.json",
	}
	win := tuning.Settings{Depth: "3", DraftHead: "off", DraftVocab: "all", Threads: 8, Device: "cpu"}
	out := &tuning.Outcome{
		Default: r.Default, Winner: win, Champion: win, Verdict: tuning.Verdict{Gain: 0.123, Band: 0.031, Rounds: 12, Enough: true, Wins: true},
		PlainRate: 100, DefaultRate: 150, WinnerRate: 168.4, Answers: 300, Compared: 250, Elapsed: 58 * time.Second, RoundTime: 2 * time.Second,
	}
	for i := range 14 {
		c := tuning.Score{Settings: win, Laps: max(4-i/3, 0), Gain: 0.12 - 0.05*float64(i)}
		c.Settings.Threads = i
		out.Scores = append(out.Scores, c)
	}
	r.judge(out)
	return r
}

// On terminals of any width no line is wider, and NO_COLOR is kept; elsewhere there is no escape sequence.
func TestWidths(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, width := range []int{40, 80} {
		for _, colour := range []string{"", "1"} {
			t.Setenv("NO_COLOR", colour)
			term := emulator.New(t, width, 120)
			r := measured()
			r.Kept, r.SetAside = true, "/home/somebody/.mtplx/tune.json.damaged-1"
			if err := r.print(term.TTY, false); err != nil {
				t.Fatal(err)
			}
			term.See("always does")
			for line := range strings.Lines(term.Screen()) {
				if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%d cells of %d: %q", w, width, line)
				}
			}
			if written := term.Written(); strings.Contains(written, "\x1b[3") || !strings.Contains(written, "\x1b[2m") {
				t.Errorf("NO_COLOR=%q: %q", colour, written)
			}
		}
	}
	var out bytes.Buffer
	r := measured()
	if err := r.print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Outcome    depth 3, the model's own head, vocabulary all, 8 threads, cpu is 12.3 % faster than the default, beyond the noise of 3.1 % in 12 rounds\n",
		"Speed      plain 100.0 tok/s, default 150.0 (1.50 times plain), winner 168.4 (1.68 times plain)\n",
		"Texts      250 were held", "           and 2 that the budget did not reach\n", "           and 4 that fell behind\n", "Trust      the machine was not quiet",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "Kept") {
		t.Errorf("%q", out.String())
	}
}

func TestWhatTheOutcomeSays(t *testing.T) {
	def := tuning.Settings{Depth: "auto", DraftHead: "4", DraftVocab: "auto", Device: "auto"}
	other := def
	other.Depth = "2"
	for want, o := range map[string]outcome{
		"undecided: 3 rounds fitted into the budget, and 5 are needed; give --budget 4m0s":                                        {Rounds: 3},
		"undecided: 1 round fitted into the budget, and 5 are needed; give --budget 4m0s":                                         {Rounds: 1},
		"the default stays: there was nothing to set against it":                                                                  {Decided: true, Winner: def, Champion: def, Rounds: 9},
		"the default stays: the best other, depth 2, 4-bit head, is 1.0 % faster, which is within the noise of 2.0 % in 9 rounds": {Decided: true, Winner: def, Champion: other, Gain: 0.01, Band: 0.02, Rounds: 9},
		"the default stays: the best other, depth 2, 4-bit head, is 30.0 % slower":                                                {Decided: true, Winner: def, Champion: other, Gain: -0.3, Band: 0.02, Rounds: 9},
		"depth 2, 4-bit head is 5.0 % faster than the default, beyond the noise of 2.0 % in 9 rounds":                             {Decided: true, Changed: true, Winner: other, Champion: other, Gain: 0.05, Band: 0.02, Rounds: 9},
	} {
		if got := o.says(4 * time.Minute); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The line of progress is one line however narrow the terminal, is gone in the end, and is nothing where there is no terminal.
func TestProgress(t *testing.T) {
	t.Setenv("TERM", "xterm")
	term := emulator.New(t, 40, 5)
	l := progressLine(term.TTY)
	p := tuning.Progress{Stage: "screening", Settings: tuning.Settings{Depth: "3", DraftHead: "off", DraftVocab: "all", Threads: 8, Device: "cpu"}, Done: 0.42}
	l.show(p)
	term.See(" 42 % screening: depth 3, the model's …")
	p.Done = 0.43
	l.show(p) // too soon
	l.last = time.Time{}
	p.Done = 0.44
	l.show(p)
	term.See(" 44 % screening")
	if strings.Contains(term.Written(), "43 %") {
		t.Error("it is rewritten at once")
	}
	l.clear()
	term.Wait("nothing", func(screen string) bool { return strings.TrimSpace(screen) == "" })
	var out bytes.Buffer
	l = progressLine(&out)
	l.show(p)
	l.clear()
	t.Setenv("TERM", "dumb")
	dumb := progressLine(term.TTY)
	if dumb.show(p); out.Len() > 0 || dumb.out != nil {
		t.Errorf("%q", out.String())
	}
}
