package connect

import (
	"encoding/json"
	"maps"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var open, keyed = Target{Base: "http://127.0.0.1:8000"}, Target{Base: "https://h.example/m", Key: true, Context: 4096}

func TestClaudeSettings(t *testing.T) {
	old := `{"z":1e3,"permissions":{"allow":["Bash(ls:*)"]},"env":{"FOO":"bar","ANTHROPIC_AUTH_TOKEN":"old"},"model":"opus"}`
	got, err := open.claudeSettings([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "z": 1e3,
  "permissions": {
    "allow": [
      "Bash(ls:*)"
    ]
  },
  "env": {
    "FOO": "bar",
    "ANTHROPIC_AUTH_TOKEN": "mtplx",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:8000",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "mtplx",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "mtplx",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "mtplx",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "ANTHROPIC_MODEL": "mtplx"
  },
  "model": "opus"
}
`
	if string(got) != want {
		t.Errorf("settings are\n%s\nwant\n%s", got, want)
	}
	again, err := open.claudeSettings(got)
	if err != nil || string(again) != want {
		t.Errorf("a second time: %v\n%s", err, again)
	}
	// With a key: found when the client runs, and no token that would win over it.
	got, err = keyed.claudeSettings(got)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Env          map[string]string
		APIKeyHelper string
	}
	if err := json.Unmarshal(got, &s); err != nil {
		t.Fatal(err)
	}
	if _, left := s.Env["ANTHROPIC_AUTH_TOKEN"]; left || s.Env["ANTHROPIC_BASE_URL"] != keyed.Base || s.Env["FOO"] != "bar" {
		t.Errorf("with a key: %s", got)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", s.APIKeyHelper)
	cmd.Env = []string{"MTPLX_AUTH=a key"}
	if out, err := cmd.Output(); err != nil || string(out) != "a key" {
		t.Errorf("the helper gives %q, %v", out, err)
	}
}

func TestClaudeSettingsRefuses(t *testing.T) {
	for old, want := range map[string]string{
		`{`: "no JSON object", `[]`: "no JSON object", `null`: "it is null", `"x"`: "no JSON object", `{"env":3}`: "env is no object", `{"env":null}`: "env is no object",
		`{"env":{},"env":{"A":"1"}}`: "names something twice", "{\"a\":1} // comment": "no JSON object",
		`{"env":{"ANTHROPIC_MODEL":"a","ANTHROPIC_MODEL":"b"}}`: "names something twice",
	} {
		if got, err := open.claudeSettings([]byte(old)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q; settings\n%s", old, err, want, got)
		}
	}
}

// Whatever settings hold stays, or nothing is written.
func FuzzClaudeSettings(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"env":{"A":"b"},"x":[1,2.5e9,{"y":null}],"apiKeyHelper":"z"}`, "\ufeff{}", `{"a.b":{"env":1},"env":{"":"\u0000"}}`, `{"env":{},"env":{}}`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, old string, key bool) {
		target := Target{Base: "http://h", Key: key}
		text, err := target.claudeSettings([]byte(old))
		if err != nil {
			return
		}
		var before, after map[string]any
		if strings.TrimSpace(old) != "" {
			if err := json.Unmarshal([]byte(old), &before); err != nil {
				t.Fatalf("made %s of what is no JSON", text)
			}
		}
		if err := json.Unmarshal(text, &after); err != nil {
			t.Fatalf("made what is no JSON: %v\n%s", err, text)
		}
		env := after["env"].(map[string]any)
		for _, v := range target.ClaudeCode() {
			if got := env[v.Name]; !v.Secret && got != v.Value || v.Secret && got != nil {
				t.Errorf("%s is %v", v.Name, got)
			}
			delete(env, v.Name)
			if e, ok := before["env"].(map[string]any); ok {
				delete(e, v.Name)
			}
		}
		if key {
			delete(after, "apiKeyHelper")
			delete(before, "apiKeyHelper")
		}
		if before["env"] == nil && len(env) == 0 {
			delete(after, "env")
		}
		if len(before)+len(after) > 0 && !reflect.DeepEqual(before, after) {
			t.Errorf("from %s to %s", old, text)
		}
	})
}

// What is printed for a shell means to a shell what it says, whatever is in an address.
func TestAssignmentsInAShell(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:8000", "http://h/it's $HOME `x` \"y\"", "http://[::1]:80/#a;b&c"} {
		target := Target{Base: base, Key: true}
		vars := slices.Concat(target.OpenAI(), target.ClaudeCode())
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "export "+Assignments(vars)+"; env")
		cmd.Env = []string{"MTPLX_AUTH=the 'key'"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for line := range strings.Lines(string(out)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			got[name] = value
		}
		want := map[string]string{"OPENAI_BASE_URL": base + "/v1", "ANTHROPIC_BASE_URL": base, "OPENAI_API_KEY": "the 'key'", "ANTHROPIC_AUTH_TOKEN": "the 'key'", "ANTHROPIC_MODEL": "mtplx"}
		maps.DeleteFunc(got, func(name, _ string) bool { _, ok := want[name]; return !ok })
		if !maps.Equal(got, want) {
			t.Errorf("%s: a shell sees %v", base, got)
		}
	}
}

func TestCodexCommandInAShell(t *testing.T) {
	for _, c := range []struct {
		target Target
		want   string
	}{
		{open, `model_providers.mtplx={name="mtplx",base_url="http://127.0.0.1:8000/v1",wire_api="responses"}`},
		{keyed, `model_providers.mtplx={name="mtplx",base_url="https://h.example/m/v1",wire_api="responses",env_key="MTPLX_AUTH"}`},
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `codex() { printf '%s\n' "$@"; }; `+c.target.CodexCommand()).Output()
		if want := "-c\nmodel=mtplx\n-c\nmodel_provider=mtplx\n-c\n" + c.want + "\n"; err != nil || string(out) != want {
			t.Errorf("codex gets %q, %v; want %q", out, err, want)
		}
	}
}

func TestContainer(t *testing.T) {
	for _, c := range []struct {
		base, system, network string
		want, not, needs      string
	}{
		{"http://127.0.0.1:8000", "linux", "auto", "--network=host -e HOST=127.0.0.1 -e PORT=3000 -e OPENAI_API_BASE_URL=http://127.0.0.1:8000/v1 ", " -p ", ""},
		{"http://127.0.0.1:8000", "darwin", "auto", "-p 127.0.0.1:3000:8080 --add-host=host.docker.internal:host-gateway -e OPENAI_API_BASE_URL=http://host.docker.internal:8000/v1 ", "--network", "--allow-host host.docker.internal"},
		{"http://[::1]:9", "linux", "bridge", "-e OPENAI_API_BASE_URL=http://host.docker.internal:9/v1 ", "--network", "out of a bridge's reach"},
		{"http://localhost", "darwin", "bridge", "-e OPENAI_API_BASE_URL=http://host.docker.internal/v1 ", "--network", "--allow-host"},
		{"https://h.example/m", "linux", "auto", "-p 127.0.0.1:3000:8080 -e OPENAI_API_BASE_URL=https://h.example/m/v1 ", "host", ""},
		{"http://127.0.0.1:8000", "darwin", "host", "", "docker", ""},
	} {
		line, needs, err := (&container{Port: 3000, Network: c.network}).command(&Target{Base: c.base}, c.system)
		line = strings.ReplaceAll(line, "h.example", "H.example")
		if (err != nil) != (c.want == "") || !strings.Contains(line, strings.ReplaceAll(c.want, "h.example", "H.example")) || strings.Contains(line, c.not) || !strings.Contains(needs, c.needs) || (needs == "") != (c.needs == "") {
			t.Errorf("%s on %s, %s: %q, %q, %v", c.base, c.system, c.network, line, needs, err)
		}
	}
	line, _, err := (&container{Port: 3000, Network: "bridge", SingleUser: true}).command(&keyed, "linux")
	if err != nil || !strings.Contains(line, `-e OPENAI_API_KEY="$MTPLX_AUTH" `) || !strings.Contains(line, "-e WEBUI_AUTH=False ") {
		t.Errorf("%q, %v", line, err)
	}
}
