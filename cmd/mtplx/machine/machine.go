package machine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	goruntime "runtime"
	"slices"
	"strings"

	"mtplx/kernels/cpu"
)

// Description is what decides speed. Memory's size is left out: a machine with more of it is as fast.
type Description struct {
	OS           string   `json:"os"`
	Arch         string   `json:"arch"`
	Processor    string   `json:"processor"` // what it calls itself; empty where it does not say
	Tier         string   `json:"tier"`      // instruction set of the kernels
	Threads      int      `json:"threads"`   // that compute when nobody says how many
	Accelerators []string `json:"accelerators"`
}

// This is the machine that the program runs on.
func This() Description {
	root := os.DirFS("/")
	tiers := cpu.Tiers()
	d := Description{
		OS: goruntime.GOOS, Arch: goruntime.GOARCH, Processor: Processor(root, brand), Tier: tiers[len(tiers)-1],
		Threads: goruntime.GOMAXPROCS(0), Accelerators: cards(root),
	}
	if forced := os.Getenv(cpu.TierVariable); forced != "" {
		d.Tier = forced
	}
	return d
}

// Fingerprint names the machine: all of the description, hashed.
func (d *Description) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %d %q", d.OS, d.Arch, d.Processor, d.Tier, d.Threads, d.Accelerators)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// String says it to a person.
func (d *Description) String() string {
	parts := append([]string{d.Processor, d.OS + "/" + d.Arch, d.Tier, fmt.Sprintf("%d threads", d.Threads)}, d.Accelerators...)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// Processor is what the processor of a machine with these files calls itself, or "". Where the system has no such file, as
// macOS, brand knows.
func Processor(root fs.FS, brand func() string) string {
	f, err := root.Open("proc/cpuinfo")
	if err != nil {
		return brand()
	}
	defer func() { _ = f.Close() }()
	data, _ := io.ReadAll(io.LimitReader(f, 1<<16))
	return field(data, "model name")
}

// cards are the accelerators that the system shows without starting their drivers.
func cards(root fs.FS) []string {
	names := []string{}
	files, _ := fs.Glob(root, "proc/driver/nvidia/gpus/*/information")
	for _, file := range files {
		data, _ := fs.ReadFile(root, file)
		if name := field(data, "Model"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// field finds the value of the first line NAME: VALUE.
func field(data []byte, name string) string {
	for line := range bytes.Lines(data) {
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(key)) == name {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}
