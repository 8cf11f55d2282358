package chat

import (
	"strings"
	"testing"
	"time"
)

func TestStrftime(t *testing.T) {
	var fixture struct {
		Cases []struct{ Name, Format, Text string }
	}
	readFixture(t, "testdata/strftime.json", &fixture)
	if len(fixture.Cases) < 5 {
		t.Fatalf("got %d cases, want 5 or more", len(fixture.Cases))
	}
	for _, c := range fixture.Cases {
		at, err := time.Parse("2006-01-02T15:04:05.999999", c.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := strftime(at, c.Format)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		directives, gots, wants := strings.Split(c.Format, "|"), strings.Split(got, "|"), strings.Split(c.Text, "|")
		for i, d := range directives {
			if gots[i] != wants[i] {
				t.Errorf("%s of %s\n got %q\nwant %q", d, c.Name, gots[i], wants[i])
			}
		}
	}
	for _, format := range []string{"%", "%-", "a%Q"} {
		if got, err := strftime(fixtureNow(), format); err == nil {
			t.Errorf("%q: got %q, want an error", format, got)
		}
	}
}
