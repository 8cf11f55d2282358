package bank

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// tier is a bank with a disk tier in a directory.
func tier(t *testing.T, dir, fingerprint string, budget int64) (*Bank, *Disk, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	d, err := OpenDisk(dir, budget, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := testBank(t, testPool(t, 64, 2), Options{Pages: 60, Disk: d, Fingerprint: fingerprint})
	t.Cleanup(b.Close)
	return b, d, log
}

// restored is how many tokens a bank resumes a text from, disk included; their memory is checked.
func restored(t *testing.T, b *Bank, prompt []int32) int {
	t.Helper()
	b.Fetch(prompt, true)
	r, err := b.Restore(prompt, true, Share)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != nil {
		holds(t, b.opt.Pool, r.State, prompt[:r.Tokens])
		if len(r.Hidden) != 1 || r.Hidden[0] != float32(r.Tokens) || r.Head != r.Tokens-1 {
			t.Fatalf("resumed at %d with hidden rows %v from %d", r.Tokens, r.Hidden, r.Head)
		}
		r.State.Release()
	}
	return r.Tokens
}

func TestDiskGivesBackWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	a := text(300, 1)
	b, d, _ := tier(t, dir, "x", 1<<20)
	say(t, b, a, 130, 256, 299)
	d.Flush()
	other, _, _ := tier(t, dir, "x", 1<<20) // beside the first, which is still open
	for n, want := range map[int]int{120: 0, 200: 130, 257: 256, 299: 256, 300: 299} {
		if got := restored(t, other, a[:n]); got != want {
			t.Errorf("a prompt of %d resumes at %d, want %d", n, got, want)
		}
	}
	say(t, other, text(200, 2), 199)
	other.opt.Disk.Flush()
	if got := restored(t, b, text(250, 2)); got != 199 {
		t.Errorf("what the other process wrote meanwhile resumes at %d, want 199", got)
	}
	if s := other.Stats(); s.DiskLoads == 0 || s.Disk.Read == 0 || s.Disk.Damaged != 0 {
		t.Errorf("statistics %+v", s)
	}
}

func TestDamagedFilesAreMissesThatAreRemoved(t *testing.T) {
	damages := map[string]func(data []byte) []byte{
		"cut off":          func(d []byte) []byte { return d[:len(d)/2] },
		"empty":            func([]byte) []byte { return nil },
		"one bit flipped":  func(d []byte) []byte { d[len(d)-5] ^= 4; return d },
		"header flipped":   func(d []byte) []byte { d[3] ^= 1; return d },
		"checksum flipped": func(d []byte) []byte { d[20] ^= 1; return d },
		"longer":           func(d []byte) []byte { return append(d, 0) },
		"another's": func([]byte) []byte {
			return []byte("MZ this is something else entirely, of some length, and then some more of it")
		},
	}
	for name, damage := range damages {
		for _, kind := range []string{"m-", "p-"} {
			dir := t.TempDir()
			a := text(300, 1)
			b, _, _ := tier(t, dir, "x", 1<<20)
			say(t, b, a, 299)
			b.Close()
			files, err := filepath.Glob(filepath.Join(dir, kind+"*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files %s*: %v", kind, err)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			after, d, log := tier(t, dir, "x", 1<<20)
			if got := restored(t, after, a); got != 0 {
				t.Errorf("%s%s: resumed at %d", kind, name, got)
			}
			if _, err := os.Stat(files[0]); !os.IsNotExist(err) {
				t.Errorf("%s%s: the file was left", kind, name)
			}
			if s := d.Stats(); s.Damaged != 1 || !strings.Contains(log.String(), filepath.Base(files[0])) {
				t.Errorf("%s%s: counted %d times, log %q", kind, name, s.Damaged, log)
			}
			// Computed anew, it is written anew.
			say(t, after, a, 299)
			after.Close()
			again, _, _ := tier(t, dir, "x", 1<<20)
			if got := restored(t, again, a); got != 299 {
				t.Errorf("%s%s: after it was written anew it resumes at %d", kind, name, got)
			}
		}
	}
}

// A file under the right name with another model's payload, whole and with a right checksum.
func TestForeignPayloadsAreNotBelieved(t *testing.T) {
	dir, foreign := t.TempDir(), t.TempDir()
	a := text(300, 1)
	for d, fingerprint := range map[string]string{dir: "x", foreign: "y"} {
		b, _, _ := tier(t, d, fingerprint, 1<<20)
		say(t, b, a, 299)
		b.Close()
	}
	for _, kind := range []string{"m-", "p-"} {
		ours, _ := filepath.Glob(filepath.Join(dir, kind+"*"))
		theirs, _ := filepath.Glob(filepath.Join(foreign, kind+"*"))
		data, err := os.ReadFile(theirs[0])
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(ours[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ours[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, d, _ := tier(t, dir, "x", 1<<20)
		if got := restored(t, b, a); got != 0 || d.Stats().Damaged != 1 {
			t.Errorf("%s with another model's payload: resumed at %d, counted %d times", kind, got, d.Stats().Damaged)
		}
		b.Close()
		if err := os.WriteFile(ours[0], kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Who looks something up while the tier closes finds nothing, and destroys nothing.
func TestClosedTierLeavesFilesAlone(t *testing.T) {
	dir := t.TempDir()
	a := text(300, 1)
	b, d, _ := tier(t, dir, "x", 1<<20)
	say(t, b, a, 299)
	d.Flush()
	before, _ := os.ReadDir(dir)
	d.Close()
	if n, _ := d.findMark([]key{b.root}, a, true, 0); n == "" {
		for _, e := range before {
			d.read(e.Name(), 1<<20)
		}
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Fatalf("%d of %d files are left", len(after), len(before))
	}
}

func TestDiskBudgetHolds(t *testing.T) {
	dir := t.TempDir()
	const budget = 6000
	b, d, _ := tier(t, dir, "x", budget)
	for i := range int32(40) {
		say(t, b, text(200, i), 199)
		d.Flush()
		total := int64(0)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
		}
		if s := d.Stats(); total > budget || s.Bytes != total {
			t.Fatalf("after %d texts %d bytes lie in the directory (%d by its own count), the budget is %d", i+1, total, s.Bytes, budget)
		}
	}
	other, _, _ := tier(t, dir, "x", budget)
	if got := restored(t, other, text(250, 39)); got != 199 {
		t.Errorf("the last text resumes at %d, want 199", got)
	}
	if got := restored(t, other, text(250, 0)); got != 0 {
		t.Errorf("the first text was kept beyond the budget: resumes at %d", got)
	}
}

// TestWriterProcess is not a test: TestKilledWritersLeaveNothingBroken runs it in processes that it kills.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv("MTPLX_TEST_BANK_DIR")
	if dir == "" {
		t.Skip("runs in a process of its own")
	}
	seed, _ := strconv.Atoi(os.Getenv("MTPLX_TEST_BANK_SEED"))
	b, d, _ := tier(t, dir, "x", 60_000)
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	for {
		a := text(150+rng.IntN(200), int32(rng.IntN(12)))
		if restored(t, b, a) == 0 {
			say(t, b, a, len(a)/2, len(a)-1)
		}
		d.Flush()
	}
}

func TestKilledWritersLeaveNothingBroken(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	written := func() int {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		return len(files)
	}
	var wg sync.WaitGroup
	for seed := range 6 {
		wg.Go(func() {
			cmd := exec.Command(self, "-test.run=^TestWriterProcess$")
			cmd.Env = append(os.Environ(), "MTPLX_TEST_BANK_DIR="+dir, "MTPLX_TEST_BANK_SEED="+strconv.Itoa(seed))
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			for deadline := time.Now().Add(time.Minute); written() < 50 && time.Now().Before(deadline); { // of texts that can be found
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Duration(70*seed) * time.Millisecond) // any moment is as good as another
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	wg.Wait()
	b, d, log := tier(t, dir, "x", 1<<20)
	found := 0
	for n := 150; n < 350; n += 7 {
		for seed := range int32(12) {
			if restored(t, b, text(n, seed)) > 0 { // and holds what it should
				found++
			}
		}
	}
	if s := d.Stats(); s.Damaged != 0 || found == 0 {
		t.Fatalf("%d files are damaged, %d texts found; log %s", s.Damaged, found, log)
	}
}

func FuzzFile(f *testing.F) {
	p := testPool(f, 8, 1)
	g := p.Geometry()
	root := key{1, 2, 3}
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	r := &record{
		n: 70, fold: 2, headed: true, head: 69, owner: "someone", tail: []int32{1, 2, 3, 4, 5, 6}, hidden: []float32{1, 2},
		state: make([]byte, g.StateBytes+g.TapeBytes), page: make([]byte, g.Layers*g.PageBytes),
	}
	whole := r.encode(nil, root)
	f.Add(c.seal(whole), true)
	f.Add(whole, false)
	f.Add(whole[:60], false)
	f.Add([]byte(magic), true)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		const most = 1 << 16
		if sealed {
			payload, err := c.unseal(data, most)
			if err != nil {
				return
			}
			if len(payload) > most {
				t.Fatalf("unpacked %d bytes", len(payload))
			}
			data = payload
		}
		got, err := decode(data, root, g)
		if err != nil {
			return
		}
		if again := got.encode(nil, root); !bytes.Equal(again, data) && got.n < 1<<31 {
			// Unknown flag bits are dropped; everything else must survive.
			data[len(root)+12] &= 3
			data[len(root)+13], data[len(root)+14], data[len(root)+15] = 0, 0, 0
			if !bytes.Equal(again, data) {
				t.Fatalf("a record of %d bytes was read as another of %d", len(data), len(again))
			}
		}
	})
}
