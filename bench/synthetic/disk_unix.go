//go:build linux || darwin

package synthetic

import "golang.org/x/sys/unix"

// freeBytes is what an ordinary user may still write to the directory's disk; ok is false when that cannot
// be told.
func freeBytes(dir string) (free int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true //nolint:unconvert // the types differ by system
}
