package doctor

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// planted are secrets and names, in the shapes that they have in configurations, logs and addresses.
var planted = []struct{ line, secret string }{
	{`api-key = "plantedkey1"`, "plantedkey1"},
	{`api-key = ["plantedkey2", "plantedkey3"]`, "plantedkey3"},
	{`api-key = ["plantedkey2", "plantedkey3"]`, "plantedkey2"},
	{"MTPLX_AUTH=plantedkey4", "plantedkey4"},
	{`{"password": "planted 5 with spaces"}`, "5 with"},
	{"Authorization: Bearer planted6.abc", "planted6"},
	{"fetch with hf_planted7abcdefgh", "planted7"},
	{"the key is sk-planted8abcdefgh", "planted8"},
	{"proxy http://me:planted9@proxy.example:8080", "planted9"},
	{"proxy http://me:pl@nted10@proxy.example:8080", "nted10"},
	{"HF_TOKEN: planted11", "planted11"},
	{"-----BEGIN RSA PRIVATE KEY-----\nplanted12\n-----END RSA PRIVATE KEY-----", "planted12"},
	{"/home/alicia/models is not there", "alicia"},
	{"/Users/bob/models", "bob"},
	{"ran on workstation7.example.org", "workstation7"},
	{"WORKSTATION7: hello", "WORKSTATION7"},
	{"by alicia alicia", "alicia"},
	{"mail me at planted13@example.org", "planted13"},
	{"client_secret='planted14'", "planted14"},
}

func redactor() *Redactor { return NewRedactor("alicia", "workstation7.example.org", "/home/alicia") }

func TestRedaction(t *testing.T) {
	for _, c := range planted {
		if got := redactor().Text("before\n" + c.line + "\nafter"); strings.Contains(got, c.secret) || !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter") {
			t.Errorf("%q became %q", c.line, got)
		}
	}
	for _, plain := range []string{"port = 9000", "32 tokens are the same in 4 ways", "profile = \"exact\"", "/usr/lib/x", "tokens per second 5"} {
		if got := redactor().Text(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
}

func TestBundleHoldsNoSecrets(t *testing.T) {
	m := healthy(t)
	dir, err := m.Home()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MTPLX_CONFIG", dir+"/config.toml")
	var all strings.Builder
	var found []Finding
	for _, p := range planted {
		all.WriteString(p.line + "\n")
		found = append(found, Finding{ID: "x", Status: Warn, Message: p.line, Fix: p.line})
	}
	write(t, dir+"/config.toml", all.String(), 0o600)
	write(t, dir+"/logs/serve.log", strings.Repeat("x", logBytes)+"\n"+all.String(), 0o600)
	write(t, dir+"/elsewhere", "linked", 0o600)
	if err := os.Symlink(dir+"/elsewhere", dir+"/logs/link.log"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle(t.Context(), &out, m, newReport("1", m, false, found), redactor()); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(text), err)
		}
		for _, p := range planted {
			if bytes.Contains(text, []byte(p.secret)) {
				t.Errorf("%s holds %q", f.Name, p.secret)
			}
		}
	}
	if got, want := strings.Join(names, " "), "doctor.json doctor.txt versions.txt config.toml logs/1-serve.log"; got != want {
		t.Errorf("the bundle holds %s, want %s", got, want)
	}
}

// A bundle that cannot be written leaves nothing behind.
func TestBundleIsWholeOrNone(t *testing.T) {
	m := healthy(t)
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/taken", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeBundle(t.Context(), dir+"/taken", m, newReport("1", m, false, nil)); err == nil {
		t.Error("a directory was replaced by a bundle")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are there, %v", len(entries), err)
	}
}

// Whatever the text, a secret between plain lines does not survive.
func FuzzRedact(f *testing.F) {
	for _, p := range planted {
		f.Add(p.line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := redactor().Text(text + "\nHF_TOKEN=hf_abcdefghijklmnop\n")
		if strings.Contains(got, "hf_abcdefghijklmnop") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
