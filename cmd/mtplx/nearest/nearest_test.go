package nearest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	commands := []string{"start", "run", "ask", "chat", "serve", "quickstart", "bench", "qa", "version", "models", "max-tokens"}
	for word, want := range map[string][]string{
		"srve":       {"serve"},
		"sevre":      {"serve"},
		"SERVE":      {"serve"},
		"rnu":        {"run"},
		"vers":       {"version"},
		"max_tokens": {"max-tokens"},
		"max-token":  {"max-tokens"},
		"statr":      {"start"},
		"x":          nil,
		"":           nil,
		"nonsense":   nil,
		"kubernetes": nil,
	} {
		if got := Names(word, commands); !slices.Equal(got, want) {
			t.Errorf("Names(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Names("max-tokenz", []string{"mix-tokans", "max-tokens"}); !slices.Equal(got, []string{"max-tokens"}) {
		t.Errorf("offered %q: three edits are no alternative to one", got)
	}
	if got := Names("abcd", []string{"abcx", "abxd", "axcd", "xbcd"}); len(got) != most {
		t.Errorf("offered %q, want %d names", got, most)
	}
}

func TestQuestion(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"depth"}, "did you mean --depth?"},
		{[]string{"top-k", "top-p"}, "did you mean --top-k or --top-p?"},
		{[]string{"a", "b", "c"}, "did you mean --a, --b or --c?"},
	} {
		if got := Question("--", c.names); got != c.want {
			t.Errorf("Question(%q) = %q, want %q", c.names, got, c.want)
		}
	}
}

// A distance is symmetric, 0 for equal words alone, and each edit adds at most one.
func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"serve", "srve", 1}, {"serve", "sreve", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"größe", "grösse", 2}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	word := rapid.StringMatching(`[a-d]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := Distance(a, b)
		if d != Distance(b, a) {
			t.Fatalf("%q and %q: %d one way, %d the other", a, b, d, Distance(b, a))
		}
		if (d == 0) != (a == b) {
			t.Fatalf("%q and %q: distance %d", a, b, d)
		}
		if e := Distance(a, b+"x"); e > d+1 || e < d-1 {
			t.Fatalf("%q and %q: %d, with a letter more %d", a, b, d, e)
		}
	})
}
