package doctor

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/redact"
)

func TestBundleHoldsNoSecrets(t *testing.T) {
	m := healthy(t)
	dir, err := m.Home()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MTPLX_CONFIG", dir+"/config.toml")
	const secret = "planted"
	var all strings.Builder
	var found []Finding
	for _, line := range []string{`api-key = ["plantedkey2", "plantedkey3"]`, "by alicia: HF_TOKEN: planted11", "Authorization: Bearer planted6.abc", "http://me:planted9@proxy.example:8080"} {
		all.WriteString(line + "\n")
		found = append(found, Finding{ID: "x", Status: Warn, Message: line, Fix: line})
	}
	write(t, dir+"/config.toml", all.String(), 0o600)
	write(t, dir+"/logs/serve.log", strings.Repeat("x", logBytes)+"\n"+all.String(), 0o600)
	write(t, dir+"/elsewhere", "linked", 0o600)
	if err := os.Symlink(dir+"/elsewhere", dir+"/logs/link.log"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle(t.Context(), &out, m, newReport("1", m, false, found), redact.New("alicia", "", "")); err != nil {
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
		if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte("alicia")) {
			t.Errorf("%s holds a secret: %s", f.Name, text)
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
