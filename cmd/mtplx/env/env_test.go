package env

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func find(t *testing.T, list []variable, name string) variable {
	t.Helper()
	for _, v := range list {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("%s is not listed", name)
	return variable{}
}

// Nothing that is secret by its name or inside an address is shown; everything else is.
func TestSecretsAreNotShown(t *testing.T) {
	list := variables([]string{
		"MTPLX_AUTH=s3cret", "HF_TOKEN=hf_s3cret", "MTPLX_BENCH_KEY=s3cret", "MTPLX_SERVE_API_KEY=s3cret", "MTPLX_DB_PASSWORD=s3cret", "OTHER=s3cret",
		"HTTPS_PROXY=http://me:a/s3cret@proxy:8080/", "http_proxy=me:s3cret@proxy:80", "HF_ENDPOINT=https://s3cret@hub", "MTPLX_X=a=me:p@s3cret@host",
		"HF_TOKEN_PATH=/a/file", "MTPLX_HOME=/a@b/c", "MTPLX_THREADS=2", "NO_COLOR=", "no_proxy=a,b", "rubbish",
	})
	for _, v := range list {
		if v.Value != nil && strings.Contains(*v.Value, "s3cret") || strings.Contains(v.says(), "s3cret") {
			t.Errorf("%s is shown: %s", v.Name, v.says())
		}
	}
	for name, want := range map[string]string{
		"MTPLX_AUTH": "set, and not shown", "HF_TOKEN": "set, and not shown", "HTTPS_PROXY": "http://***@proxy:8080/", "HTTP_PROXY": "***@proxy:80",
		"HF_TOKEN_PATH": "/a/file", "MTPLX_HOME": "/a@b/c", "MTPLX_THREADS": "2", "NO_PROXY": "a,b",
		"MTPLX_SERVE_API_KEY": "set, and not shown",
	} {
		v := find(t, list, name)
		if got := v.says(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if v := find(t, list, "NO_COLOR"); v.Set || v.Value != nil || v.About == "" {
		t.Errorf("what is set to nothing: %+v", v)
	}
	for _, v := range list {
		if v.Name == "OTHER" || v.Name == "rubbish" {
			t.Errorf("%s is listed, which is no concern of mtplx", v.Name)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("http://", "me:pass", "host:80/x")
	f.Add("", "me:p@ss", "host")
	f.Fuzz(func(t *testing.T, scheme, secret, host string) {
		if scheme != "" && scheme != "http://" && scheme != "socks5h://" || strings.ContainsAny(secret, " \t\n\f\r,;/") || strings.Contains(host, "@") {
			t.Skip()
		}
		if got, want := redact(scheme+secret+"@"+host), scheme+"***@"+host; got != want {
			t.Errorf("%q in front of %q is redacted to %q", secret, host, got)
		}
	})
}

// A file in place of a directory stands for what permissions forbid, which bind nobody who is root.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: dir, file: file, filepath.Join(dir, "a", "b"): "(not there yet)", filepath.Join(file, "models"): "not a directory",
	} {
		p := look("x", path)
		if got := p.says(); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q at its end", path, got, want)
		}
	}
	if os.Getuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if p := look("x", dir); p.says() != dir+" (cannot be written)" {
			t.Errorf("%q", p.says())
		}
		if p := look("x", filepath.Join(dir, "a")); !strings.HasSuffix(p.says(), "cannot be made)") {
			t.Errorf("%q", p.says())
		}
		_ = os.Chmod(dir, 0o700)
	}
	t.Setenv("MTPLX_HOME", "relative")
	if got := places(); len(got) != 1 || !strings.Contains(got[0].Problem, "MTPLX_HOME") {
		t.Errorf("%+v", got)
	}
	t.Setenv("MTPLX_HOME", dir)
	t.Setenv("MTPLX_CONFIG", "/x/y.toml")
	if got := places(); len(got) != 5 || got[1].Path != "/x/y.toml" || got[0].Path != dir {
		t.Errorf("%+v", got)
	}
}
