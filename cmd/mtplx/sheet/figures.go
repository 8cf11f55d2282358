package sheet

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Bytes writes a size in decimal units.
func Bytes[T ~int | ~int64 | ~uint64 | ~float64](n T) string {
	v := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 999.5 {
			if unit == "B" || v >= 99.95 {
				return fmt.Sprintf("%.0f %s", v, unit)
			}
			return fmt.Sprintf("%.1f %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.1f TB", v)
}

// Span writes a time in its two largest units; below a minute in seconds.
func Span(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 || seconds > 1e9 {
		return "?"
	}
	d := time.Duration(seconds * float64(time.Second))
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%.0f s", math.Floor(d.Seconds()))
	}
}

// Rates are how often drafts stood, by depth: 0 where none was made.
func Rates(drafted, accepted []float64) []float64 {
	rates := make([]float64, len(drafted))
	for i := range drafted {
		if i < len(accepted) && drafted[i] > 0 {
			rates[i] = accepted[i] / drafted[i]
		}
	}
	return rates
}

// ByDepth writes rates, first draft first.
func ByDepth(rates []float64) string {
	parts := make([]string, len(rates))
	for i, r := range rates {
		parts[i] = fmt.Sprintf("%.2f", r)
	}
	return strings.Join(parts, " ")
}
