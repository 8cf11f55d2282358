package cpu

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// Available is the memory that programs may still take, about, and what the machine or this program's control group
// has in all, in bytes; 0 and 0 where the system does not say as Linux does.
func (*Device) Available() (free, total int64) {
	t, f, err := SystemMemory(os.DirFS("/"))
	if err != nil {
		return 0, 0
	}
	return int64(f), int64(t)
}

// SystemMemory is the memory of a Linux machine with these files, or of the control group of this process, and what of
// it is free, in bytes.
func SystemMemory(root fs.FS) (total, free uint64, err error) {
	data, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	if total, err = kilobytes(data, "MemTotal"); err != nil {
		return 0, 0, err
	}
	if free, err = kilobytes(data, "MemAvailable"); err != nil {
		return 0, 0, err
	}
	if limit, used, found := groupMemory(root); found && limit < total {
		total = limit
		free = min(free, limit-min(used, limit))
	}
	return total, free, nil
}

// kilobytes finds a line such as "MemTotal: 5 kB".
func kilobytes(data []byte, name string) (uint64, error) {
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != name+":" {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 54)
		if err != nil {
			return 0, fmt.Errorf("proc/meminfo has %s %q", name, fields[1])
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("proc/meminfo has no %s", name)
}

// groupMemory is the least limit of the process's control group and those above it, and what that one uses without the
// files it could give up.
func groupMemory(root fs.FS) (limit, used uint64, found bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, 0, false
	}
	for entry := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(entry), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, most, now, files := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		if parts[1] != "" { // version 1
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			mount, most, now, files = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		}
		for dir := path.Join(mount, path.Clean("/"+parts[2])); len(dir) >= len(mount); dir = path.Dir(dir) {
			n, err := number(root, path.Join(dir, most))
			if err != nil || found && n >= limit {
				continue
			}
			limit, found = n, true
			used, _ = number(root, path.Join(dir, now))
			stat, _ := fs.ReadFile(root, path.Join(dir, "memory.stat"))
			for line := range strings.Lines(string(stat)) {
				if v, ok := strings.CutPrefix(strings.TrimSpace(line), files+" "); ok {
					n, _ := strconv.ParseUint(v, 10, 64)
					used -= min(n, used)
				}
			}
		}
	}
	return limit, used, found
}

// number reads a file that holds one.
func number(root fs.FS, name string) (uint64, error) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
}
