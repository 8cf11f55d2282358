package main

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"mtplx/bench/tuning"
	"mtplx/cmd/internal/disktest"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
	"mtplx/model/demo"
	"mtplx/model/hub/hubtest"
)

// content are the files below a folder, and what is in them. The filler's is left out.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == disktest.Filler {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// onDisk runs a command whose home is on the disk. DISK in its arguments stands for that.
func onDisk(t *testing.T, disk, endpoint string, args ...string) (code int, out, errs string) {
	t.Helper()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DISK", disk)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Env = append(os.Environ(), "HOME="+disk, "MTPLX_HOME="+disk+"/home", "MTPLX_CONFIG=", "HF_ENDPOINT="+endpoint, "HF_HOME=", "HF_HUB_CACHE=", "HF_TOKEN=")
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// On a full disk a command says which file it could not write and that room is what it takes; what was there stays as it
// was, and nothing half-written has a name that is read later.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("what is told of a full disk has no goroutines to watch")
	}
	for _, c := range []struct {
		name    string
		options string            // of the disk; empty is one that is filled before the command runs
		before  map[string]string // what is there
		args    []string
		code    int
		says    []string
		answers string            // what standard output holds all the same
		left    map[string]string // what may be there besides
	}{
		{
			name: "init", args: []string{"init", "--no-trial"},
			code: 6, says: []string{"cannot keep anything in DISK/home: ", "no space left on device; free some space"},
		},
		{
			name: "init beside models", before: map[string]string{"home/models/mine/config.json": "{}"}, args: []string{"init", "--no-trial"},
			code: 6, says: []string{"cannot keep anything in DISK/home: ", "no space left on device; free some space"},
		},
		{
			name: "config set", before: map[string]string{"home/config.toml": "threads = 2\n"}, args: []string{"config", "set", "depth", "3"},
			code: 6, says: []string{"write DISK/home/config.toml: no space left on device; free some space"}, left: map[string]string{"home/.config.lock": ""},
		},
		{
			name: "doctor bundle", before: map[string]string{"b.zip": "the last one"}, args: []string{"doctor", "--summary", "--bundle", "DISK/b.zip"},
			code: 6, says: []string{"write bundle: DISK/b.zip: no space left on device; free some space"},
		},
		{
			name: "make-model, no room", args: []string{"bench", "make-model", "--shape", "tiny", "DISK/made"},
			code: 6, says: []string{"in DISK/made: not enough disk space: it takes ", "; free some, or name a directory on another disk"},
		},
		{
			name: "make-model, midway", options: "size=128m,nr_inodes=3", args: []string{"bench", "make-model", "--shape", "tiny", "DISK/made"},
			code: 6, says: []string{"in DISK/made: ", "no space left on device; free some, or name a directory on another disk"},
		},
		{
			name: "trace", args: []string{"run", "--trace", "DISK/t.json", "--temperature", "0", "--max-tokens", "4", "hello"},
			answers: "Hi! I", says: []string{"the trace ends early: ", "write DISK/t.json: no space left on device; free some space"}, left: map[string]string{"t.json": ""},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := c.options
			if options == "" {
				options = "size=1m"
			}
			disk := disktest.Mount(t, options)
			for name, text := range c.before {
				path := filepath.Join(disk, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.options == "" {
				disktest.Fill(t, disk)
			}
			code, out, errs := onDisk(t, disk, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			said := strings.Join(strings.Fields(errs), " ")
			for _, want := range c.says {
				if want = strings.ReplaceAll(want, "DISK", disk); !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, errs)
				}
			}
			if !strings.Contains(out, c.answers) {
				t.Errorf("it answers %q, want %q", out, c.answers)
			}
			now := content(t, disk)
			for name, text := range c.before {
				if now[name] != text {
					t.Errorf("%s was %q and is %q", name, text, now[name])
				}
				delete(now, name)
			}
			for name, text := range now {
				if want, ok := c.left[name]; !ok || text != want {
					t.Errorf("%s is left with %q", name, text)
				}
			}
		})
	}
}

// A pull without room is refused before its first large byte; one that meets a full disk midway keeps what arrived, leaves
// nothing that runs, and goes on once there is room.
func TestPullOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("what is told of a full disk has no goroutines to watch")
	}
	hub := hubtest.New(t)
	hub.Add("acme/demo", demo.Files())
	disk := disktest.Mount(t, "size=2m")
	code, _, errs := onDisk(t, disk, hub.URL, "pull", "acme/demo")
	said := strings.Join(strings.Fields(errs), " ")
	if code != 6 || !strings.Contains(said, "the disk of "+disk+"/home/models has ") || !strings.Contains(said, "free some space, or set MTPLX_HOME") {
		t.Errorf("without room: exit code %d, %s", code, errs)
	}
	disktest.Resize(t, disk, "1g")
	var once sync.Once
	hub.Fail(func(r hubtest.Request) http.HandlerFunc {
		if r.Where == hubtest.CDN && strings.HasSuffix(r.Path, "model.safetensors") && strings.HasPrefix(r.Range, "bytes=0-") && r.Range != "bytes=0-16383" {
			once.Do(func() { disktest.Resize(t, disk, "8m") })
		}
		return nil
	})
	code, _, errs = onDisk(t, disk, hub.URL, "pull", "acme/demo")
	said = strings.Join(strings.Fields(errs), " ")
	if code != 6 || !strings.Contains(said, "download model.safetensors of acme/demo: write "+disk) || !strings.Contains(said, "no space left on device; free some space and run the same command again") {
		t.Errorf("midway: exit code %d, %s", code, errs)
	}
	if code, out, _ := onDisk(t, disk, hub.URL, "models"); code != 0 || !strings.Contains(out, "Nothing was pulled") {
		t.Errorf("models: exit code %d, %s", code, out)
	}
	disktest.Resize(t, disk, "1g")
	if code, out, errs := onDisk(t, disk, hub.URL, "pull", "acme/demo"); code != 0 || !strings.Contains(out, "acme/demo is here") {
		t.Errorf("with room: exit code %d, %s%s", code, out, errs)
	}
}

// A server whose bank and log have no room says so, and answers.
func TestServeOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("what is told of a full disk has no goroutines to watch")
	}
	disk := disktest.Mount(t, "size=1m")
	disktest.Fill(t, disk)
	t.Setenv("MTPLX_HOME", disk+"/home")
	t.Setenv("MTPLX_LOG_FILE", "true")
	s := serve(t, "--warmup-tokens", "0", "--bank-dir", disk+"/bank")
	long := strings.Repeat("Write a plain function that adds two numbers. ", 40) // more than the bank thinks too little to keep
	if answer := s.chat(`{"model":"mtplx","max_tokens":3,"messages":[{"role":"user","content":"` + long + `"}]}`); answer.Get("usage.completion_tokens").Int() != 3 {
		t.Errorf("it answers %s", answer.Raw)
	}
	if code := s.exit(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	said := strings.Join(strings.Fields(s.log.String()), " ")
	for _, want := range []string{
		"no log is kept: write " + disk + "/home/logs/serve.log: no space left on device; free some space",
		"a snapshot is not kept on disk; free some space", "write " + disk + "/bank/",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, s.log)
		}
	}
	for name, text := range content(t, disk) {
		if strings.HasPrefix(name, "bank/") || text != "" {
			t.Errorf("%s is left with %q", name, text)
		}
	}
}

// What was tuned before stays where what was tuned now has no room.
func TestTuneKeepsOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("what is told of a full disk has no goroutines to watch")
	}
	disk := disktest.Mount(t, "size=1m")
	path := filepath.Join(disk, "tune.json")
	settings := tuning.Settings{Depth: "auto", DraftHead: "4", DraftVocab: "auto", Device: "cpu"}
	if _, err := tune.Keep(t.Context(), path, tune.Entry{Machine: "m", Model: "a", Version: "1", Settings: settings}); err != nil {
		t.Fatal(err)
	}
	before := content(t, disk)
	disktest.Fill(t, disk)
	_, err := tune.Keep(t.Context(), path, tune.Entry{Machine: "m", Model: "b", Version: "1", Settings: settings})
	f, ok := errors.AsType[*runtime.Failure](err)
	if !ok || f.Kind != runtime.NoResource || f.Error() != "write "+path+": no space left on device; free some space on that disk" {
		t.Errorf("it says %v", err)
	}
	after := content(t, disk)
	if !maps.Equal(after, before) {
		t.Errorf("there was %q, and is %q", before, after)
	}
}
