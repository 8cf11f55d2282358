package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtplx/model/hub/hubtest"
)

func TestModelInUseIsNotRemoved(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	m, err := pull(t, client(t, s), st)
	if err != nil {
		t.Fatal(err)
	}
	release, err := st.Use(m)
	if err != nil {
		t.Fatal(err)
	}
	wantFix(t, NewStore(st.Root()).Remove(ref), ErrInUse, "acme/tiny is in use")
	wantWhole(t, m)
	release()
	list, err := st.List()
	if err != nil || len(list) != 1 || list[0].Size < 10000 || list[0].LastUsed.IsZero() {
		t.Errorf("the store lists %+v, %v", list, err)
	}
	if err := st.Remove(ref); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, st)
	wantFix(t, st.Remove(ref), ErrNotFound, "mtplx models")
	if left, _ := filepath.Glob(filepath.Join(st.Root(), "[^.]*")); len(left) != 0 {
		t.Errorf("removing leaves %v", left)
	}
}

func TestRevisions(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	c := client(t, s)
	tagged := Ref{Owner: "acme", Name: "tiny", Revision: "v1"}
	m, _, err := st.Pull(t.Context(), c, tagged, PullOptions{piece: piece})
	if err != nil {
		t.Fatal(err)
	}
	for _, rev := range []string{"", "v1", hubtest.Commit} {
		if got, err := st.Find(Ref{Owner: "acme", Name: "tiny", Revision: rev}); err != nil || got.Dir != m.Dir {
			t.Errorf("revision %q gives %v, %v", rev, got, err)
		}
	}
	_, err = st.Find(Ref{Owner: "acme", Name: "tiny", Revision: "v2"})
	wantFix(t, err, ErrNotFound, "acme/tiny@v2")
}

func TestStoreThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := pull(t, client(t, hub(t)), NewStore(filepath.Join(file, "models")))
	wantFix(t, err, ErrStore, "MTPLX_HOME", file)
}

// The cache's layout is Hugging Face's: blobs, and snapshots made of links to them.
func TestCacheOfOtherToolsIsUsedInPlace(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "hub", "models--acme--tiny")
	snap := filepath.Join(dir, "snapshots", hubtest.Commit)
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name string) {
		t.Helper()
		write(filepath.Join(dir, "blobs", name), "x")
		if err := os.Symlink(filepath.Join("..", "..", "blobs", name), filepath.Join(snap, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "refs", "main"), hubtest.Commit)
	write(filepath.Join(snap, "config.json"), "{}")
	link("tokenizer.json")
	write(filepath.Join(snap, "model.safetensors.index.json"), `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`)
	link("model-00001-of-00002.safetensors")
	cache := NewCache(func(k string) string { return map[string]string{"HF_HOME": home}[k] })
	st := NewStore(t.TempDir())
	_, err := Find(st, cache, ref)
	wantFix(t, err, ErrNotFound, "run mtplx pull acme/tiny")
	link("model-00002-of-00002.safetensors")
	m, err := Find(st, cache, ref)
	if err != nil || m.Dir != snap || !m.Cached {
		t.Fatalf("the cache gives %+v, %v", m, err)
	}
	if release, err := st.Use(m); err != nil {
		t.Error(err)
	} else {
		release()
	}
	if left, _ := os.ReadDir(st.Root()); len(left) != 0 {
		t.Errorf("using the cache writes %v", left)
	}
	other := NewCache(func(k string) string {
		return map[string]string{"HUGGINGFACE_HUB_CACHE": filepath.Join(home, "hub")}[k]
	})
	if _, err := other.Find(ref); err != nil {
		t.Error(err)
	}
}

func TestReferences(t *testing.T) {
	for _, good := range []string{"a/b", "Qwen/Qwen3.5-0.8B", "a_b/c-d.e@main", "a/b@refs/pr/1", "a/b@" + hubtest.Commit} {
		if r, err := ParseRef(good); err != nil || r.Pinned() != good {
			t.Errorf("%q gives %v, %v", good, r, err)
		}
	}
	for _, bad := range []string{"", "a", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/.b", "a/b@", "a/b@../c", "a/b@-x", "a b/c", "a/b?c", "a/b#c", "a\x00/b", "a/b@x//y", "a/b.", strings.Repeat("a", 200) + "/b"} {
		_, err := ParseRef(bad)
		wantFix(t, err, ErrReference)
	}
}

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	token := filepath.Join(home, "token")
	if err := os.WriteFile(token, []byte("hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HF_TOKEN": "hf_a", "HUGGING_FACE_HUB_TOKEN": "hf_b", "HF_HOME": home}, "hf_a"},
		{map[string]string{"HUGGING_FACE_HUB_TOKEN": "hf_b", "HF_HOME": home}, "hf_b"},
		{map[string]string{"HF_HOME": home}, "hf_file"},
		{map[string]string{"HF_TOKEN_PATH": token}, "hf_file"},
		{map[string]string{}, ""},
	} {
		cl, err := NewClient(func(k string) string { return c.env[k] })
		if err != nil || cl.token != c.want || cl.endpoint != publicEndpoint {
			t.Errorf("%v gives %+v, %v", c.env, cl, err)
		}
	}
	for key, bad := range map[string]string{"HF_ENDPOINT": "ftp://x", "HF_TOKEN": "hf_a\r\nX-Evil: 1"} {
		_, err := NewClient(func(k string) string { return map[string]string{key: bad}[k] })
		if err == nil || strings.Contains(err.Error(), "Evil") {
			t.Errorf("%s=%q gives %v", key, bad, err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "-1": 0, "soon": 0, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "99999999999999999999": 0} {
		if got := retryAfter(in, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", in, got, want)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"a/b.json","size":3,"blobId":"0123456789abcdef0123456789abcdef01234567"}]}`))
	f.Add([]byte(`{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[{"rfilename":"/x","size":-1,"lfs":{"sha256":"","size":1}}]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseListing(data)
		if err != nil {
			return
		}
		if s.Size() < 0 {
			t.Fatalf("sizes sum to %d", s.Size())
		}
		for _, file := range s.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Name)) || file.Size < 0 {
				t.Fatalf("accepted %+v", file)
			}
		}
		if _, err := s.Needed(nil); err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatal(err)
			}
		}
	})
}

func FuzzJournal(f *testing.F) {
	file := File{Name: "x", Size: 2500, SHA256: strings.Repeat("a", 64)}
	f.Add(file.identity(piece) + "\n0\n2\n")
	f.Add(file.identity(piece) + "\n99\n")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, journal string) {
		part := filepath.Join(t.TempDir(), "x.part")
		if err := os.WriteFile(part+".pieces", []byte(journal), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(part, make([]byte, 1500), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openPieces(part, file, piece)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if have := p.have(); have > 1000 || len(p.missing()) < 2 {
			t.Fatalf("a file of 1,500 bytes has %d in whole pieces, %v missing", have, p.missing())
		}
	})
}
