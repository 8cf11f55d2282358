package doctor

import "golang.org/x/sys/unix"

// sysctl reads a number of either width.
func sysctl(name string) (uint64, error) {
	if v, err := unix.SysctlUint64(name); err == nil {
		return v, nil
	}
	v, err := unix.SysctlUint32(name)
	return uint64(v), err
}
