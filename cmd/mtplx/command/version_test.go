package command

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheLinkersElseTheGoCommands(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	for _, c := range []struct {
		linked string
		info   *debug.BuildInfo
		want   string
	}{{"1.0.0", info, "1.0.0"}, {"", info, "1.2.3"}, {"", &debug.BuildInfo{}, "dev"}, {"", nil, "dev"}} {
		if got := version(c.linked, func() (*debug.BuildInfo, bool) { return c.info, c.info != nil }); got != c.want {
			t.Errorf("linked %q, built of %v: %q, want %q", c.linked, c.info, got, c.want)
		}
	}
}
