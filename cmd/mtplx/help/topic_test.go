package help

import (
	"strconv"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/runtime"
)

// Topics name what the program knows.
func TestTopicsAreComplete(t *testing.T) {
	entries, err := topicFiles.ReadDir("topics")
	if err != nil {
		t.Fatal(err)
	}
	if topics := Topics(); len(topics) != len(entries) {
		t.Errorf("%d topics are listed, there are %d files", len(topics), len(entries))
	}
	text := func(name string) string {
		topic, ok := FindTopic(name)
		if !ok {
			t.Fatalf("there is no topic %s", name)
		}
		return topic.Text
	}
	codes := text("exit codes")
	for kind := range runtime.Kind(256) {
		if kind.String() != "" && !strings.Contains(codes, "\n  "+strconv.Itoa(int(kind))+" ") {
			t.Errorf("exit-codes does not name %d (%s)", kind, kind)
		}
	}
	profiles := text("profiles")
	for _, p := range runtime.Profiles {
		if !strings.Contains(profiles, "  "+p.Name+" ") {
			t.Errorf("profiles does not name %s", p.Name)
		}
	}
}

func TestTopicsFitTheirWidth(t *testing.T) {
	for _, width := range []int{40, 80} {
		for _, topic := range Topics() {
			for _, s := range (layout{width: width}).topic(topic) {
				if len([]rune(s)) > width {
					t.Errorf("%s at %d: %q", topic.Name, width, s)
				}
			}
		}
	}
}
