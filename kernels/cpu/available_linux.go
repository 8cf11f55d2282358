package cpu

import (
	"bytes"
	"os"
	"strconv"
)

// Available is the memory that programs may still take, and what the machine or this program's control group has in
// all, in bytes, as Linux sees it; 0 and 0 where it does not say.
func (*Device) Available() (free, total int64) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	free, total = meminfo(info, "MemAvailable:"), meminfo(info, "MemTotal:")
	const group = "/sys/fs/cgroup/memory."
	if limit := number(group + "max"); limit > 0 && limit < total {
		free, total = min(free, max(limit-number(group+"current"), 0)), limit
	}
	return free, total
}

// meminfo finds a line such as "MemTotal: 5 kB", in bytes; 0 without one.
func meminfo(info []byte, name string) int64 {
	for line := range bytes.Lines(info) {
		if f := bytes.Fields(line); len(f) >= 2 && string(f[0]) == name {
			n, _ := strconv.ParseInt(string(f[1]), 10, 53)
			return n << 10
		}
	}
	return 0
}

// number is what a file says; 0 when there is none, or it says "max".
func number(path string) int64 {
	text, _ := os.ReadFile(path)
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n
}
