//go:build unix

package hub

import "golang.org/x/sys/unix"

// FreeSpace is what an ordinary user may still write to the disk that holds a folder, in bytes.
func FreeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // the types differ by system
}
