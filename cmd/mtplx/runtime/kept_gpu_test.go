//go:build unix

package runtime_test

import (
	"slices"
	"testing"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
)

// A GPU keeps keys and values in every way as the CPU does: with drafts, a session's tokens and the bits of their
// probabilities are those of the CPU without, also from a prefix that was restored from memory or, after a restart, from
// disk, which one way must do for all, since it takes an emulator long; and a token's memory is as small.
func TestWaysOfKeepingKeysAndValuesOnAGPUAreThoseOfTheCPU(t *testing.T) {
	onGPU, onCPU := runtime.Emulated(t)
	for _, kv := range []kernels.KV{kernels.KVQ8, kernels.KVQ8V4, kernels.KVQ8V3} {
		t.Run(kv.String(), func(t *testing.T) {
			onCPU.KV, onGPU.KV = kv.String(), kv.String()
			onGPU.Bank = &runtime.BankOptions{Dir: t.TempDir(), DiskBytes: 1 << 28}
			c := opened(t, onCPU)
			restored, onDisk := 64, false // whole pages
			if kv == kernels.KVQ8V3 && !testing.Short() {
				restored, onDisk = 128, true
			}
			text := prose(t, c, restored+8, 3) // what a restored prefix leaves at least
			say := func(r *runtime.Runtime, depth int) answer {
				q := question(r, text, 0.8, depth, 4)
				q.Logprobs = true
				return hear(t, r.Engine, q)
			}
			want := say(c, 0)
			check := func(name string, got answer, reused int) {
				t.Helper()
				if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.logprobs, want.logprobs) {
					t.Errorf("%s: %v with %v, the CPU has %v with %v", name, got.tokens, got.logprobs, want.tokens, want.logprobs)
				}
				if got.reused != reused {
					t.Errorf("%s: %d tokens restored, want %d", name, got.reused, reused)
				}
			}
			g := opened(t, onGPU)
			if is, was := g.Model.TokenBytes(), c.Model.TokenBytes(); is != was || g.Model.Stored() != kv.String() {
				t.Errorf("a token takes %d bytes as %s, on the CPU %d", is, g.Model.Stored(), was)
			}
			check("with drafts", say(g, 3), 0)
			check("again", say(g, 2), restored)
			if onDisk {
				g.Close()
				check("after a restart", say(opened(t, onGPU), 3), restored)
			}
		})
	}
}

func opened(t *testing.T, o runtime.Options) *runtime.Runtime {
	t.Helper()
	r, err := runtime.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}
