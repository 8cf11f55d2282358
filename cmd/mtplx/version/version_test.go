package version

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/command"
)

func TestBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"},
		{Key: "vcs.modified", Value: "true"},
		{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
		{Key: "GOAMD64", Value: "v3"},
		{Key: "-tags", Value: "cuda,invariants"},
	}}
	b := read(info, true)
	var out bytes.Buffer
	if err := b.print(&out); err != nil {
		t.Fatal(err)
	}
	want := "mtplx " + command.Version + " (0123456789ab and changes)\n" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + " v3, tags cuda,invariants\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	if b.Commit != "0123456789abcdef0123" || b.Time != "2026-01-02T03:04:05Z" || len(b.Tags) != 2 {
		t.Errorf("read %+v", b)
	}
}

func TestWithoutBuildInformation(t *testing.T) {
	if b := read(nil, false); b.Version == "" || b.Tags == nil || !strings.HasPrefix(b.Go, "go") {
		t.Errorf("%+v", b)
	}
}
