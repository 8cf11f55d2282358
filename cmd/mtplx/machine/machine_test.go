package machine

import (
	"testing"
	"testing/fstest"
)

func TestWhatDecidesSpeedIsInTheFingerprint(t *testing.T) {
	base := Description{"linux", "amd64", "P", "avx2", 2, []string{"G"}}
	seen := map[string]Description{base.Fingerprint(): base}
	for _, d := range []Description{
		{"darwin", "amd64", "P", "avx2", 2, []string{"G"}},
		{"linux", "arm64", "P", "avx2", 2, []string{"G"}},
		{"linux", "amd64", "Q", "avx2", 2, []string{"G"}},
		{"linux", "amd64", "P", "vnni", 2, []string{"G"}},
		{"linux", "amd64", "P", "avx2", 4, []string{"G"}},
		{"linux", "amd64", "P", "avx2", 2, []string{}},
		{"linux", "amd64", "P", "avx2", 2, []string{"G", "G"}},
	} {
		if other, ok := seen[d.Fingerprint()]; ok {
			t.Errorf("%v and %v have one fingerprint", d, other)
		}
		seen[d.Fingerprint()] = d
	}
	same := Description{"linux", "amd64", "P", "avx2", 2, []string{"G"}}
	if same.Fingerprint() != base.Fingerprint() || len(base.Fingerprint()) != 16 {
		t.Errorf("fingerprints %s and %s", same.Fingerprint(), base.Fingerprint())
	}
	if s := base.String(); s != "P, linux/amd64, avx2, 2 threads, G" {
		t.Error(s)
	}
	here := This()
	if again := This(); here.Fingerprint() != again.Fingerprint() || here.Threads < 1 || here.Tier == "" {
		t.Errorf("%v, then %v", here, again)
	}
	t.Setenv("MTPLX_CPU", "portable")
	if forced := This(); forced.Tier != "portable" || here.Tier != "portable" && forced.Fingerprint() == here.Fingerprint() {
		t.Errorf("with another instruction set: %v", forced)
	}
}

func TestProcessorAndCards(t *testing.T) {
	root := fstest.MapFS{
		"proc/cpuinfo": {Data: []byte("processor : 0\nmodel name\t: A B  C\nmodel name\t: other\n")},
		"proc/driver/nvidia/gpus/0000:01:00.0/information": {Data: []byte("Model: \t\t NVIDIA X\nIRQ: 5\n")},
		"proc/driver/nvidia/gpus/0000:02:00.0/information": {Data: []byte("odd")},
	}
	if got := Processor(root, func() string { return "brand" }); got != "A B  C" {
		t.Errorf("%q", got)
	}
	if got := Processor(fstest.MapFS{}, func() string { return "brand" }); got != "brand" {
		t.Errorf("%q", got)
	}
	if got := cards(root); len(got) != 1 || got[0] != "NVIDIA X" {
		t.Errorf("%q", got)
	}
}
