package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtplx/cmd/internal/disktest"
)

// Wherever a disk is full, in the midst of a program, an archive or a bill, the release says that room is what it takes, and the
// last release stays, with nothing beside it. The disk grows in steps until all of it has room.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program some ten times")
	}
	disk := disktest.Mount(t, "size=1m")
	out := filepath.Join(disk, "release")
	keepLast(t, out)
	last := contents(t, out)
	module := tiny(t)
	fell := map[string]bool{} // what had no room, by the first words that say so
	for kib := 64; ; kib += 256 {
		if kib > 16<<10 {
			t.Fatal("16 MiB are too little")
		}
		disktest.Resize(t, disk, fmt.Sprintf("%dk", kib))
		r := newRelease(module, out)
		r.platforms = []platform{host}
		err := r.make(t.Context())
		if err == nil {
			break
		}
		said, code := outcome(t.Context(), out, err)
		words, _, _ := strings.Cut(said, ":")
		fell[words] = true
		if code != 1 || !strings.Contains(said, noRoom) || !strings.HasSuffix(said, "or give --out on another; what was there is as it was") {
			t.Errorf("with %d KiB: code %d, %s", kib, code, said)
		}
		if got := contents(t, out); !maps.Equal(got, last) {
			t.Errorf("with %d KiB the last release becomes %v", kib, got)
		}
		if left, err := os.ReadDir(disk); err != nil || len(left) != 1 {
			t.Errorf("with %d KiB: left behind: %v, %v", kib, left, err)
		}
	}
	if !fell["write archive"] || len(fell) < 2 {
		t.Errorf("the disk was full in %v only", fell)
	}
	if got := contents(t, out); got[sums] == "last" || got["Containerfile"] == "" {
		t.Errorf("with room there are %d files", len(got))
	}
}
