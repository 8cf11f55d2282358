package nearest

import (
	"slices"
	"strings"
)

// most is how many names are offered at once; more would be a list, not an answer.
const most = 3

// Names are the candidates nearest to word, best first, at most three; none when no candidate is near. Near means few edits
// for the word's length, or a beginning of the candidate. Case and the choice of - or _ do not count.
func Names(word string, candidates []string) []string {
	type scored struct {
		name  string
		score int
	}
	w := fold(word)
	if w == "" {
		return nil
	}
	var near []scored
	for _, c := range candidates {
		f := fold(c)
		switch d := Distance(w, f); {
		case d <= tolerance(w):
			near = append(near, scored{c, 2 * d})
		case len(w) >= 3 && strings.HasPrefix(f, w):
			near = append(near, scored{c, 5}) // behind two edits, before three
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.score - b.score })
	var names []string
	for _, n := range near {
		// A name twice as far as the best is no alternative to it.
		if !slices.Contains(names, n.name) && len(names) < most && n.score <= near[0].score+2 {
			names = append(names, n.name)
		}
	}
	return names
}

// Question asks whether one of the names was meant, each with what belongs before it (such as --). It is empty without names.
func Question(prefix string, names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = prefix + n
	}
	switch len(quoted) {
	case 0:
		return ""
	case 1:
		return "did you mean " + quoted[0] + "?"
	default:
		last := len(quoted) - 1
		return "did you mean " + strings.Join(quoted[:last], ", ") + " or " + quoted[last] + "?"
	}
}

// tolerance is how many edits a word of that length may be away: none for one letter, three at most.
func tolerance(word string) int {
	switch n := len(word); {
	case n < 2:
		return 0
	case n < 5:
		return 1
	case n < 9:
		return 2
	default:
		return 3
	}
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

// Distance counts the edits between two words: letters put in, left out or changed, and neighbours swapped, of which no
// letter is edited twice (optimal string alignment).
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			change := last[j]
			if x[i] != y[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
