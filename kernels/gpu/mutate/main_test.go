package main

import (
	"testing"

	"mtplx/kernels/gpu"
)

// TestMistakesApply finds the place of every mutation, so that the list does not rot when a kernel changes.
func TestMistakesApply(t *testing.T) {
	files, err := gpu.Sources()
	if err != nil {
		t.Fatal(err)
	}
	barriers := barriers("support.metal", files["support.metal"])
	if len(barriers) < 10 {
		t.Errorf("support.metal has %d mutations of barriers, want 10 or more", len(barriers))
	}
	for _, m := range append(mistakes, barriers...) {
		if suites[m.file] == "" {
			t.Errorf("%s, %s: no part of the suite tests the file", m.file, m.name)
		}
		text, err := m.change(files[m.file])
		switch {
		case err != nil:
			t.Errorf("%s, %s: %v", m.file, m.name, err)
		case text == files[m.file]:
			t.Errorf("%s, %s: it changes nothing", m.file, m.name)
		}
	}
}
