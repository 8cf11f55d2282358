package naming

import (
	"runtime/debug"
	"testing"
)

func TestFromDescription(t *testing.T) {
	for text, want := range map[string]string{
		"v1.2.3": "1.2.3", "v1.2.3-dirty": "1.2.3+dirty", "v1.2.3-4-gabc1234": "1.2.3+gabc1234", "v1.2.3-rc.1-4-gabc1234-dirty": "1.2.3-rc.1+gabc1234.dirty",
		"v1.2.3-rc.1": "1.2.3-rc.1", "abc1234": "0.0.0+gabc1234", "abc1234-dirty": "0.0.0+gabc1234.dirty",
	} {
		if got := FromDescription(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What the go command calls a commit gets the name that git's description of it gets.
func TestFromBuild(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct{ version, described string }{
		{"v1.2.3", "v1.2.3"},
		{"v1.2.3+dirty", "v1.2.3-dirty"},
		{"v1.3.0-rc.1", "v1.3.0-rc.1"},
		{"v1.2.4-0.20260102030405-0123456789ab", "v1.2.3-7-g0123456789ab"},
		{"v1.2.10-0.20260102030405-0123456789ab+dirty", "v1.2.9-7-g0123456789ab-dirty"},
		{"v1.2.100-0.20260102030405-0123456789ab", "v1.2.99-7-g0123456789ab"},
		{"v1.3.0-rc.1.0.20260102030405-0123456789ab", "v1.3.0-rc.1-2-g0123456789ab"},
		{"v0.0.0-20260102030405-0123456789ab", "0123456789ab"},
		{"v0.0.0-20260102030405-0123456789ab+dirty", "0123456789ab-dirty"},
	} {
		want := FromDescription(c.described)
		if got := FromBuild(&debug.BuildInfo{Main: debug.Module{Version: c.version}}); got != want {
			t.Errorf("%s is called %q; git describe says %s, which is called %q", c.version, got, c.described, want)
		}
	}
	for _, version := range []string{"(devel)", ""} {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		if got := FromBuild(info); got != "" {
			t.Errorf("of nothing: %q", got)
		}
		info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "true"}}
		if got, want := FromBuild(info), "0.0.0+g0123456789ab.dirty"; got != want {
			t.Errorf("of a commit alone: %q, want %q", got, want)
		}
	}
}
