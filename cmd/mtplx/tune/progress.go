package tune

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/ansi"

	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/terminal"
)

// line shows on a terminal how far a run is, and nothing elsewhere.
type line struct {
	out   io.Writer // nil: no terminal
	width int
	last  time.Time
}

func progressLine(out io.Writer) *line {
	if !terminal.Draws(out, os.Getenv) {
		return &line{}
	}
	width, _ := terminal.Size(out)
	return &line{out: out, width: width}
}

const blank = "\r\x1b[K"

// show says what is measured.
func (l *line) show(p tuning.Progress) { l.write("%3.0f %% %s: %s", 100*p.Done, p.Stage, p.Settings) }

// loading says how much of a model is loaded.
func (l *line) loading(done, parts int) { l.write("loading the model %d %%", 100*done/max(parts, 1)) }

// write rewrites the line, at most ten times a second.
func (l *line) write(format string, args ...any) {
	if l.out == nil || time.Since(l.last) < 100*time.Millisecond {
		return
	}
	l.last = time.Now()
	fmt.Fprint(l.out, blank+ansi.Truncate(fmt.Sprintf(format, args...), l.width-1, "…"))
}

func (l *line) clear() {
	if l.out != nil {
		fmt.Fprint(l.out, blank)
	}
}
