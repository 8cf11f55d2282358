package runtime_test

import (
	"fmt"
	"slices"
	"testing"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
	"mtplx/sched"
)

// openKept opens the embedded checkpoint with keys and values kept in a way, and a bank on disk.
func openKept(t *testing.T, kv kernels.KV, dir string) *runtime.Runtime {
	t.Helper()
	r, err := runtime.Open(t.Context(), runtime.Options{
		Profile: runtime.Profiles[0], Sessions: 3, Device: "cpu", KV: kv.String(),
		Bank: &runtime.BankOptions{Dir: dir, DiskBytes: 1 << 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// However keys and values are kept, drafts and restored prefixes change no token and no bit of its probability: not from
// memory, not from disk after a restart, not in a second turn, where a page and a split end and one token to either side.
// All ways share one directory of banks, in which none finds what another left, and all differ from each other.
func TestWaysOfKeepingKeysAndValuesChangeNoTextByDraftsOrPrefixes(t *testing.T) {
	if testing.Short() {
		t.Skip("many answers of the default model")
	}
	prompts := []struct {
		n           int
		temperature float64
		turn        bool // goes on after the answer
		restored    int  // tokens: all but 8 of a prompt; a prompt and its answer but for the answer's last
		onDisk      bool // which takes 128 tokens and more
	}{{136, 0, false, 128, true}, {116, 0.8, true, 127, false}, {137, 0.8, false, 129, true}, {117, 0, true, 128, true}}
	dir, seen := t.TempDir(), map[string]kernels.KV{}
	say := func(t *testing.T, r *runtime.Runtime, e *sched.Engine, text []int32, temperature float64, depth int) answer {
		t.Helper()
		q := question(r, text, temperature, depth, 12)
		q.Logprobs = true
		return hear(t, e, q)
	}
	check := func(t *testing.T, name string, got, want answer, restored int) {
		t.Helper()
		if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.logprobs, want.logprobs) {
			t.Errorf("%s (%d tokens restored): %v with %v, want %v with %v", name, got.reused, got.tokens, got.logprobs, want.tokens, want.logprobs)
		}
		if got.reused != restored {
			t.Errorf("%s: %d tokens restored, want %d", name, got.reused, restored)
		}
	}
	for _, kv := range []kernels.KV{kernels.KVPlain, kernels.KVQ8, kernels.KVQ8V4, kernels.KVQ8V3} {
		those := prompts
		if kv == kernels.KVPlain {
			those = prompts[:2] // others test more of it
		}
		var last []func(*testing.T, *runtime.Runtime) // what to ask after a restart
		t.Run(kv.String(), func(t *testing.T) {
			r := openKept(t, kv, dir)
			cold := engine(t, r, nil)
			for i, p := range those {
				name := fmt.Sprintf("prompt of %d at temperature %v", p.n, p.temperature)
				text := prose(t, r, p.n, 1)
				text[0] = int32(100 + i) // they share nothing
				want := say(t, r, cold, text, p.temperature, 0)
				if len(want.tokens) != 12 || len(want.logprobs) != 12 {
					t.Fatalf("%s: %d tokens and %d probabilities, want 12", name, len(want.tokens), len(want.logprobs))
				}
				bits := fmt.Sprint(p, want.logprobs)
				if other, twice := seen[bits]; twice {
					t.Errorf("%s: the same probabilities as with %v, so that one of the two is not kept as it says", name, other)
				}
				seen[bits] = kv
				check(t, name+", with drafts", say(t, r, r.Engine, text, p.temperature, 3), want, 0)
				check(t, name+", again", say(t, r, r.Engine, text, p.temperature, 1), want, p.n-8)
				if p.turn { // goes on in the middle of a tape
					text = append(append(slices.Clone(text), want.tokens...), 11, 12, 13, 14, 15)
					want = say(t, r, cold, text, p.temperature, 0)
					name += ", second turn"
					check(t, name, say(t, r, r.Engine, text, p.temperature, 2), want, p.restored)
				}
				if p.onDisk {
					last = append(last, func(t *testing.T, r *runtime.Runtime) {
						t.Helper()
						check(t, name, say(t, r, r.Engine, text, p.temperature, 3), want, p.restored)
					})
				}
			}
		})
		t.Run(kv.String()+" after a restart", func(t *testing.T) {
			r := openKept(t, kv, dir)
			for _, ask := range last {
				ask(t, r)
			}
		})
	}
}
