package disktest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Filler is the file that Fill leaves.
const Filler = "filler"

const name = "mtplx-test" // what mount lists it as

// Mount gives a disk with what mount options say, such as size=1m, and its directory; it goes with the test.
func Mount(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	switch err := syscall.Mount(name, dir, "tmpfs", 0, options); {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		t.Skipf("a small disk cannot be mounted here: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// Resize makes a disk larger or smaller, such as 8m. Safe to call from any goroutine.
func Resize(t testing.TB, disk, size string) {
	t.Helper()
	if err := syscall.Mount(name, disk, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
		t.Errorf("resize %s to %s: %v", disk, size, err)
	}
}

// Fill takes all the room that a disk has left.
func Fill(t testing.TB, disk string) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, Filler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill %s: %v", disk, err)
	}
}
