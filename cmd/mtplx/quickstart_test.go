package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/tidwall/gjson"
)

// quickstart begins the command and returns its lines up to the last one of its answer.
func quickstart(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, text string, rest io.Reader) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), binary(t), append([]string{"quickstart", "--warmup-tokens", "0", "--log-level", "error"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	log := &logBuffer{}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		text += line
		if strings.Contains(line, "codex -c") || strings.HasPrefix(line, "{") {
			return cmd, text, in
		}
		if err != nil {
			t.Fatalf("quickstart said %q, then %v:\n%s", text, err, log)
		}
	}
}

// What it prints works as it stands, and a second quickstart finds the first.
func TestQuickstart(t *testing.T) {
	const secret = "a-secret-key-of-ours"
	for _, c := range []struct {
		name string
		env  []string
	}{{"without a key", []string{"MTPLX_AUTH="}}, {"with a key", []string{"MTPLX_AUTH=" + secret}}} {
		t.Run(c.name, func(t *testing.T) {
			first, text, _ := quickstart(t, c.env, "--port", "0")
			base := between(text, " at ", "\n")
			port := base[strings.LastIndexByte(base, ':')+1:]
			for _, want := range []string{
				"export OPENAI_BASE_URL=" + base + "/v1 OPENAI_API_KEY=", "export ANTHROPIC_BASE_URL=" + base + " ANTHROPIC_API_KEY=",
				" ANTHROPIC_MODEL=mtplx claude\n", `base_url="` + base + `/v1"`, "mtplx serves mtplx-default at http://127.0.0.1:",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, secret) {
				t.Errorf("it prints the key:\n%s", text)
			}
			curl := exec.CommandContext(t.Context(), "sh", "-c", "curl"+between(text, "  curl", "\n"))
			curl.Env = append(os.Environ(), c.env...)
			answer, err := curl.CombinedOutput()
			if err != nil || gjson.GetBytes(answer, "choices.0.message.content").String() == "" {
				t.Errorf("the command to try: %v, %s", err, answer)
			}

			second, again, rest := quickstart(t, c.env, "--port", port)
			if _, err := io.ReadAll(rest); err != nil {
				t.Error(err)
			}
			if err := second.Wait(); err != nil {
				t.Errorf("the second: %v", err)
			}
			if want := strings.Replace(text, "mtplx serves", "mtplx runs already, and serves", 1); again != want {
				t.Errorf("the second says\n%s\nwant\n%s", again, want)
			}
			third, object, _ := quickstart(t, c.env, "--port", port, "--json")
			if got := gjson.Parse(object); got.Get("openai_base_url").String() != base+"/v1" || !got.Get("already_running").Bool() || got.Get("api_key_required").Bool() != (c.env[0] != "MTPLX_AUTH=") {
				t.Errorf("--json: %s", object)
			}
			if err := third.Wait(); err != nil {
				t.Errorf("the third: %v", err)
			}
			if err := first.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := first.Wait(); err != nil {
				t.Errorf("the first, after SIGTERM: %v", err)
			}
		})
	}
}

func TestQuickstartRefuses(t *testing.T) {
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	go func() { // it listens and says nothing of HTTP
		for {
			c, err := foreign.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	_, port, err := net.SplitHostPort(foreign.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	keyed := serve(t, "--warmup-tokens", "0", "--api-key", "a-secret-key-of-ours")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--port", port}, "another program listens at " + foreign.Addr().String()},
		{[]string{"--port", keyed.url[strings.LastIndexByte(keyed.url, ':')+1:]}, "takes a key"},
		{[]string{"--unix", "/nowhere"}, "use mtplx serve --unix"},
	} {
		cmd := exec.CommandContext(t.Context(), binary(t), append([]string{"quickstart"}, c.args...)...)
		cmd.Env = append(os.Environ(), "MTPLX_AUTH=")
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: exit code %d, %s; want 2 and %q", c.args, cmd.ProcessState.ExitCode(), out, c.want)
		}
	}
}

func between(text, from, to string) string {
	_, after, _ := strings.Cut(text, from)
	got, _, _ := strings.Cut(after, to)
	return got
}
