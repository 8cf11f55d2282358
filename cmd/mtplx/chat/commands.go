package chat

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/sched"
)

// outcome is what a command asks of whoever shows the conversation.
type outcome struct {
	say   string // to the user
	clear bool   // the screen
	leave bool
	// work takes a while: it runs beside the display, which shows what for, and returns what to say.
	work func(ctx context.Context) (string, error)
	what string
}

// slash is a command of the conversation.
type slash struct {
	name, args, help string
	run              func(t *talk, arg string) (outcome, error)
}

// slashes are all commands, in the order of /help.
func slashes() []slash {
	return []slash{
		{"help", "", "list these commands", (*talk).help},
		{"speed", "", "measure tokens per second, plainly and with drafts", (*talk).speed},
		{"reasoning", "on|off|auto|show|fold", "whether the model thinks, and whether that is shown", (*talk).reasoning},
		{"model", "[DIR|embedded]", "show the models there are, or let another one answer", (*talk).model},
		{"system", "[TEXT|off]", "show or set the system message", (*talk).system},
		{"temperature", "[T]", "0 is greedy", (*talk).temperature},
		{"depth", "[N|auto]", "drafts a cycle; 0 decodes plainly", (*talk).depth},
		{"seed", "[N|off]", "fix the randomness of every answer", (*talk).seed},
		{"save", "[FILE]", "write the conversation as markdown, or JSON for a name in .json", (*talk).save},
		{"forget", "", "drop the oldest question and answer, to make room", (*talk).forget},
		{"clear", "", "start anew", (*talk).clear},
		{"exit", "", "leave (Ctrl-D)", func(*talk, string) (outcome, error) { return outcome{leave: true}, nil }},
	}
}

var slashName = regexp.MustCompile(`^/([a-z?]+)(?:\s+|$)`)

// isCommand tells whether an input is a command: a slash and a word. A path is none.
func isCommand(text string) bool { return slashName.MatchString(text) }

// command runs a command.
func (t *talk) command(text string) (outcome, error) {
	m := slashName.FindStringSubmatch(text)
	name, arg := m[1], strings.TrimSpace(text[len(m[0]):])
	switch name {
	case "quit", "bye":
		name = "exit"
	case "?":
		name = "help"
	}
	nearest, best := "", 3
	for _, s := range slashes() {
		if s.name == name {
			return s.run(t, arg)
		}
		if d := distance(name, s.name); d < best {
			nearest, best = s.name, d
		}
	}
	if nearest != "" {
		return outcome{}, fmt.Errorf("there is no /%s; did you mean /%s? A space before the slash sends it to the model", name, nearest)
	}
	return outcome{}, fmt.Errorf("there is no /%s; /help lists the commands. A space before the slash sends it to the model", name)
}

// distance is the number of letters that must change to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}

func (t *talk) help(string) (outcome, error) {
	var b strings.Builder
	for _, s := range slashes() {
		fmt.Fprintf(&b, "%s\n    %s\n", strings.TrimSpace("/"+s.name+" "+s.args), s.help)
	}
	b.WriteString("Enter sends, Alt+Enter or \\ before Enter begins a line, Ctrl-C stops an answer, Up brings earlier questions.")
	return outcome{say: b.String()}, nil
}

// burst is how many tokens /speed writes each way.
const burst = 192

func (t *talk) speed(string) (outcome, error) {
	return outcome{what: "measuring", work: func(ctx context.Context) (string, error) {
		plain, err := t.Speed(ctx, burst, false)
		if err != nil {
			return "", err
		}
		say := fmt.Sprintf("plain: %s", plain.Figures())
		if t.Model().HasHead && t.Speculate {
			mtp, err := t.Speed(ctx, burst, true)
			if err != nil {
				return "", err
			}
			say += fmt.Sprintf("\nwith drafts: %s", mtp.Figures())
			if p := plain.DecodeRate(); p > 0 {
				say += fmt.Sprintf(" · %.2f times plain", mtp.DecodeRate()/p)
			}
		}
		return say, nil
	}}, nil
}

func (t *talk) reasoning(arg string) (outcome, error) {
	switch arg {
	case "":
	case "show", "fold":
		t.fold = arg == "fold"
	default:
		thinking, err := conversation.ParseReasoning(arg)
		if err != nil {
			return outcome{}, fmt.Errorf("/reasoning takes on, off or auto, and show or fold, not %q", arg)
		}
		t.Thinking = thinking
	}
	is, shown := "left to the model", "shown"
	if t.Thinking != nil {
		is = map[bool]string{true: "on", false: "off"}[*t.Thinking]
	}
	if t.fold {
		shown = "folded"
	}
	return outcome{say: fmt.Sprintf("Reasoning is %s, and %s.", is, shown)}, nil
}

func (t *talk) system(arg string) (outcome, error) {
	switch arg {
	case "":
		if t.System == "" {
			return outcome{say: "There is no system message. /system TEXT sets one."}, nil
		}
		return outcome{say: "System message: " + t.System + "\n/system off removes it."}, nil
	case "off":
		t.System = ""
		return outcome{say: "The system message is gone."}, nil
	}
	t.System = arg
	return outcome{say: "The system message is set, for the whole conversation."}, nil
}

func (t *talk) temperature(arg string) (outcome, error) {
	if arg != "" {
		v, err := strconv.ParseFloat(arg, 64)
		s := t.Sampler
		s.Temperature = v
		if err = errors.Join(err, s.Validate()); err != nil {
			return outcome{}, fmt.Errorf("/temperature takes a number such as 0.6, and 0 for greedy, not %q", arg)
		}
		t.Sampler = s
	}
	return outcome{say: fmt.Sprintf("The temperature is %g.", t.Sampler.Temperature)}, nil
}

func (t *talk) depth(arg string) (outcome, error) {
	if arg != "" {
		d, err := command.ParseDepth(arg)
		if err != nil || d > t.Model().Depth {
			return outcome{}, fmt.Errorf("/depth takes auto, or 0 to %d, not %q", min(command.MaxDepth, t.Model().Depth), arg)
		}
		t.Depth, t.Speculate = d, d != 0
	}
	switch {
	case !t.Model().HasHead:
		return outcome{say: "The model has no head that drafts: it decodes plainly."}, nil
	case t.Depth == sched.Auto:
		return outcome{say: "Drafts a cycle: as many as pay."}, nil
	}
	return outcome{say: fmt.Sprintf("Drafts a cycle: %d.", t.Depth)}, nil
}

func (t *talk) seed(arg string) (outcome, error) {
	switch arg {
	case "":
	case "off":
		t.Seed = nil
	default:
		n, err := strconv.ParseUint(arg, 10, 64)
		if err != nil {
			return outcome{}, fmt.Errorf("/seed takes a number or off, not %q", arg)
		}
		t.Seed = &n
	}
	if t.Seed == nil {
		return outcome{say: "Every answer has a seed of its own."}, nil
	}
	return outcome{say: fmt.Sprintf("Every answer has the seed %d: the same question again gets the same answer.", *t.Seed)}, nil
}

func (t *talk) save(arg string) (outcome, error) {
	if len(t.Messages()) == 0 {
		return outcome{}, errors.New("there is nothing to save yet")
	}
	path, err := save(arg, t.now(), t.Conversation)
	if err != nil {
		return outcome{}, err
	}
	return outcome{say: "Saved to " + path + "."}, nil
}

func (t *talk) forget(string) (outcome, error) {
	if !t.Forget() {
		return outcome{}, errors.New("there is nothing to forget")
	}
	return outcome{say: fmt.Sprintf("The oldest question and answer are forgotten; %s left.", conversation.Count(len(t.Messages())/2, "exchange"))}, nil
}

func (t *talk) clear(string) (outcome, error) {
	t.Clear()
	return outcome{clear: true, say: "A new conversation."}, nil
}
