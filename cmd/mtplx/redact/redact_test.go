package redact

import (
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
	{"tokens: planted15 and planted15", "planted15"},
	{"api_tokens=12planted16", "planted16"},
	{"tokens = [\"1planted17\"]", "planted17"},
	{"tokens=31415926535897", "31415926535897"},
}

func redactor() *Redactor { return New("alicia", "workstation7.example.org", "/home/alicia") }

func TestRedaction(t *testing.T) {
	for _, c := range planted {
		if got := redactor().Text("before\n" + c.line + "\nafter"); strings.Contains(got, c.secret) || !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter") {
			t.Errorf("%q became %q", c.line, got)
		}
	}
	for _, plain := range []string{
		"port = 9000", "32 tokens are the same in 4 ways", "profile = \"exact\"", "/usr/lib/x", "tokens per second 5",
		"prompt_tokens=12 completion_tokens=7 drafted=3 took=3.2ms", `{"prompt_tokens":12,"tokens": 5}`, "tokens: 40000",
	} {
		if got := redactor().Text(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
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
