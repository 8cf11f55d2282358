package conversation

import (
	"fmt"
	"strconv"
	"strings"
)

// Figures say in one line what an answer cost.
func (a *Answer) Figures() string {
	parts := []string{Count(len(a.Tokens), "token")}
	if r := a.DecodeRate(); r > 0 {
		parts = append(parts, Rate(r))
	}
	if rates := a.AcceptanceByDepth(); len(rates) > 0 {
		var b strings.Builder
		b.WriteString("accepted by depth")
		for _, r := range rates[:min(len(rates), 4)] {
			fmt.Fprintf(&b, " %.2f", r)
		}
		parts = append(parts, b.String())
	}
	if a.FirstToken > 0 {
		parts = append(parts, fmt.Sprintf("first after %.0f ms", 1000*a.FirstToken.Seconds()))
	}
	return strings.Join(parts, " · ")
}

// Rate writes tokens a second.
func Rate(r float64) string {
	if r < 100 {
		return fmt.Sprintf("%.1f tok/s", r)
	}
	return Thousands(int(r+0.5)) + " tok/s"
}

// Count writes how many there are of something.
func Count(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return Thousands(n) + " " + of
}

// Thousands writes a number with commas.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
