package cpu

import "testing"

func TestAvailableMemory(t *testing.T) {
	const info = "MemTotal:       24576000 kB\nMemFree:         1000 kB\nMemAvailable:   20480000 kB\nBroken\n"
	if n := meminfo([]byte(info), "MemAvailable:"); n != 20480000<<10 {
		t.Errorf("available: %d", n)
	}
	if n := meminfo([]byte(info), "SwapTotal:"); n != 0 {
		t.Errorf("what is not there: %d", n)
	}
	free, total := (*Device)(nil).Available()
	if free <= 0 || total < free {
		t.Errorf("this machine has %d of %d bytes", free, total)
	}
}
