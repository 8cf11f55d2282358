package tune

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
)

// entry is one for a machine, a model and a version.
func entry(machineIs, model, version, depth string) Entry {
	return Entry{
		Machine: machineIs, Model: model, ModelName: "name of " + model, Version: version, At: time.Unix(1e9, 0).UTC(), Gain: 0.1, Band: 0.02, Rounds: 9,
		MachineIs: machine.Description{OS: "linux", Arch: "amd64", Processor: "P", Tier: "avx2", Threads: 4},
		Settings:  tuning.Settings{Depth: depth, DraftHead: "3", DraftVocab: "all", Threads: 2, Device: "cpu"}, Changed: true, Trusted: true,
	}
}

func TestKeepReplacesItsOwnEntryAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "tune.json")
	if all, err := Entries(path); all != nil || err != nil {
		t.Fatalf("before anything: %v, %v", all, err)
	}
	for _, e := range []Entry{entry("m", "a", "1", "1"), entry("n", "a", "1", "2"), entry("m", "b", "1", "3"), entry("m", "a", "2", "4"), entry("m", "a", "1", "5")} {
		if aside, err := Keep(t.Context(), path, e); err != nil || aside != "" {
			t.Fatal(aside, err)
		}
	}
	all, err := Entries(path)
	if err != nil || len(all) != 4 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, e := range all {
		if want := map[[3]string]string{{"m", "a", "1"}: "5", {"n", "a", "1"}: "2", {"m", "b", "1"}: "3", {"m", "a", "2"}: "4"}[e.key()]; e.Settings.Depth != want {
			t.Errorf("%v has depth %s, want %s", e.key(), e.Settings.Depth, want)
		}
	}
	if all[0].Settings.DraftVocab != "all" || !all[0].At.Equal(time.Unix(1e9, 0)) || all[0].MachineIs.Threads != 4 {
		t.Errorf("read back as %+v", all[0])
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	n, _, err := Forget(t.Context(), path, func(e *Entry) bool { return e.Model == "a" && e.Machine == "m" })
	if all, _ := Entries(path); n != 2 || err != nil || len(all) != 2 {
		t.Errorf("forgot %d, left %v, %v", n, all, err)
	}
	if n, _, err := Forget(t.Context(), path, func(*Entry) bool { return true }); n != 2 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), `"entries": []`) {
		t.Errorf("an empty file is %s, %v", data, err)
	}
}

// Writers at the same moment keep each other's entries, and a reader meanwhile never sees half a file.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tune.json")
	const writers, each = 8, 6
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if aside, err := Keep(t.Context(), path, entry("m", fmt.Sprintf("%d-%d", w, i), "1", "2")); err != nil || aside != "" {
					t.Errorf("writer %d: %q, %v", w, aside, err)
				}
				if _, err := Entries(path); err != nil {
					t.Errorf("reader %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	all, err := Entries(path)
	if err != nil || len(all) != writers*each {
		t.Errorf("%d entries, %v", len(all), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != ".tune.lock" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A damaged file is an error for readers and is set aside by writers; its bytes stay.
func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "EOF"},
		{"{", "unexpected EOF"},
		{"[]", "cannot unmarshal"},
		{"{}", "its schema is 0"},
		{`{"schema":1,"entries":[]}{}`, "more than one object"},
		{`{"schema":1,"entries":[{}]}`, "entry 1: it names no machine"},
		{`{"schema":1,"entries":[{"machine":"m","model":"a","version":"1","settings":{"depth":"99","draft_lm_head":"4","draft_vocab":"auto","device":"auto"}}]}`, "--depth is 99"},
		{`{"schema":1,"entries":[{"machine":"m","model":"a","version":"1","settings":{"depth":"auto","draft_lm_head":"5","draft_vocab":"auto","device":"auto"}}]}`, `unknown draft head "5"`},
		{`{"schema":1,"entries":[{"machine":"m","model":"a","version":"1","settings":{"depth":"auto","draft_lm_head":"4","draft_vocab":"x","device":"auto"}}]}`, `unknown draft vocabulary "x"`},
		{`{"schema":1,"entries":[{"machine":"m","model":"a","version":"1","settings":{"depth":"auto","draft_lm_head":"4","draft_vocab":"auto","device":"abacus"}}]}`, `unknown device "abacus"`},
		{`{"schema":1,"entries":[{"machine":"m","model":"a","version":"1","settings":{"depth":"auto","draft_lm_head":"4","draft_vocab":"auto","device":"auto","threads":-1}}]}`, "--threads is -1"},
		{"\x00\xff", "invalid character"},
	} {
		path := filepath.Join(t.TempDir(), "tune.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Entries(path)
		if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.text, err)
		}
		aside, err := Keep(t.Context(), path, entry("m", "a", "1", "2"))
		if err != nil || !strings.HasPrefix(aside, path+".damaged-") {
			t.Fatalf("%q: set aside as %q, %v", c.text, aside, err)
		}
		if was, err := os.ReadFile(aside); err != nil || string(was) != c.text {
			t.Errorf("%q: the damaged file is %q, %v", c.text, was, err)
		}
		if all, err := Entries(path); err != nil || len(all) != 1 {
			t.Errorf("%q: then %v, %v", c.text, all, err)
		}
	}
}

// What a newer program wrote is not thrown away.
func TestANewerFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tune.json")
	const newer = `{"schema":2,"more":true}`
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { _, err := Entries(path); return err },
		func() error { _, err := Keep(t.Context(), path, entry("m", "a", "1", "2")); return err },
		func() error { _, _, err := Forget(t.Context(), path, func(*Entry) bool { return true }); return err },
	} {
		f, ok := errors.AsType[*runtime.Failure](do())
		if !ok || f.Kind != runtime.Environment || !strings.Contains(f.Error(), "schema 2") {
			t.Errorf("%v", f)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != newer {
		t.Errorf("it is %s now, %v", data, err)
	}
}

// A file in place of a directory stands for what permissions forbid, which bind nobody who is root.
func TestAHomeThatCannotBeWritten(t *testing.T) {
	home := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(home, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Keep(t.Context(), filepath.Join(home, "tune.json"), entry("m", "a", "1", "2"))
	f, ok := errors.AsType[*runtime.Failure](err)
	if !ok || f.Kind != runtime.Environment || !strings.Contains(f.Error(), "write "+home+"/tune.json: not a directory; make that directory") {
		t.Errorf("%v", err)
	}
}

func TestNearestEntry(t *testing.T) {
	home := t.TempDir()
	t.Setenv("MTPLX_HOME", home)
	path, err := Path()
	if err != nil || path != filepath.Join(home, "tune.json") {
		t.Fatal(path, err)
	}
	id, err := identify("")
	if err != nil {
		t.Fatal(err)
	}
	here := id.machine.Fingerprint()
	refused := func(want ...string) {
		t.Helper()
		_, err := id.entry(path)
		f, ok := errors.AsType[*runtime.Failure](err)
		for _, w := range append(want, "profile tuned", "mtplx tune") {
			if !ok || !strings.Contains(f.Error(), w) {
				t.Errorf("%v, want %q", err, w)
			}
		}
	}
	refused("nothing is kept for mtplx-default on this machine, ", id.machine.String())
	keep := func(e Entry) {
		t.Helper()
		if _, err := Keep(t.Context(), path, e); err != nil {
			t.Fatal(err)
		}
	}
	keep(entry(here, "another model", command.Version, "1"))
	refused("nothing is kept for mtplx-default")
	keep(entry("elsewhere", id.model, command.Version, "2"))
	refused("another machine: P, linux/amd64, avx2, 4 threads")
	keep(entry(here, id.model, "0.0.1", "3"))
	refused("version 0.0.1, and this is " + command.Version)
	keep(entry(here, id.model, command.Version, "4"))
	if e, err := id.entry(path); err != nil || e.Settings.Depth != "4" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("is damaged", "sets it aside")
}
