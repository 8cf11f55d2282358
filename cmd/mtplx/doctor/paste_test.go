package doctor

import (
	"context"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/runtime"
)

// What is pasted names neither the user nor the home, and stays a table whatever a finding holds.
func TestPaste(t *testing.T) {
	m := healthy(t)
	m.Env = func(name string) string { return map[string]string{"USER": "alicia"}[name] }
	m.Hub = func(context.Context) (string, error) { return "", nil }
	m.Device = func() (runtime.Choice, error) {
		return runtime.Choice{Kind: "cuda", Name: "a|b", Why: "alicia has /home/alicia/x and hf_planted7abcdefgh"}, nil
	}
	p, err := gather(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	text := p.Markdown()
	for _, secret := range []string{"alicia", "planted7"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	if !strings.Contains(text, `| gpu | ok | a\|b is used`) || !strings.Contains(text, "16.4 GB of memory") {
		t.Error(text)
	}
	if len(p.Doctor.Checks) == len(checks) || len(p.Doctor.Checks) == 0 {
		t.Errorf("%d checks ran, want those that are quick", len(p.Doctor.Checks))
	}
}
