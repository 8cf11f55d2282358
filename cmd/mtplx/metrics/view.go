package metrics

import (
	"fmt"
	"math"
	"strings"

	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/sheet"
)

// history are the latest rates, oldest first.
type history []float64

// shown is how many rates a history has.
const shown = 24

func (h history) with(rate *float64) history {
	if rate == nil {
		return h
	}
	h = append(h, *rate)
	return h[max(0, len(h)-shown):]
}

// bars draws the rates, the largest as high as a cell.
func (h history) bars() string {
	const heights = "▁▂▃▄▅▆▇█"
	cells := []rune(heights)
	top := 0.0
	for _, r := range h {
		top = max(top, r)
	}
	if top == 0 {
		return ""
	}
	var b strings.Builder
	for _, r := range h {
		b.WriteRune(cells[min(int(math.Round(r/top*float64(len(cells)-1))), len(cells)-1)])
	}
	return b.String()
}

// sheet is a sample for a person.
func (s *sample) sheet(url string, h history) *sheet.Sheet {
	var p sheet.Sheet
	if !s.Up {
		p.Head("%s", url)
		p.Add("State", "%s; it is asked again", s.Error)
		return &p
	}
	p.Head("%s at %s", s.Model, url)
	if !s.Ready {
		p.Add("State", "takes no new requests now")
	}
	speed := "…"
	if s.Rate != nil {
		speed = strings.TrimSpace(conversation.Rate(*s.Rate) + "  " + h.bars())
	}
	p.Add("Writing", "%s", speed)
	if s.PromptRate != nil {
		p.Add("Reading", "%s", conversation.Rate(*s.PromptRate))
	}
	p.Add("Answers", "%d being written, %d waiting, %s finished, %d failed", s.Running, s.Waiting, conversation.Thousands(s.Answers), s.Failed)
	if s.FirstToken != nil {
		p.Add("First token", "after %.0f ms", 1000**s.FirstToken)
	}
	p.Add("Tokens", "%s written, %s read, %s from the bank", conversation.Thousands(s.Written), conversation.Thousands(s.Prompt), conversation.Thousands(s.Cached))
	if len(s.Acceptance) > 0 {
		p.Add("Accepted", "%s by depth", sheet.ByDepth(s.Acceptance))
	}
	if len(s.Recent) > 0 {
		p.Add("  lately", "%s", sheet.ByDepth(s.Recent))
	}
	memory := fmt.Sprintf("%.0f %% of keys and values", 100*s.Usage)
	if s.Resident > 0 {
		memory += ", " + sheet.Bytes(s.Resident) + " in all"
	}
	p.Add("Memory", "%s", memory)
	return &p
}
