package cpu

import "testing"

func TestAvailableMemory(t *testing.T) {
	const info = "MemTotal:       24576000 kB\nMemFree:         1000 kB\nMemAvailable:   20480000 kB\nBroken\n"
	if n, err := kilobytes([]byte(info), "MemAvailable"); n != 20480000<<10 || err != nil {
		t.Errorf("available: %d, %v", n, err)
	}
	if n, err := kilobytes([]byte(info), "SwapTotal"); n != 0 || err == nil {
		t.Errorf("what is not there: %d", n)
	}
	free, total := (*Device)(nil).Available()
	if free <= 0 || total < free {
		t.Errorf("this machine has %d of %d bytes", free, total)
	}
}
