package cooling

import (
	"os"
	"strconv"
	"strings"
)

// startOf reads proc(5): the 22nd field, in ticks since the machine was started. The second, the program's name, may hold
// blanks and parentheses.
func startOf(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	switch {
	case len(fields) < 20:
		return ""
	case fields[0] == "Z" || fields[0] == "X":
		return buried
	}
	return fields[19]
}

func bootName() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}
