package main

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Every script in testdata/remote is a conversation with a command that asks a server. What the server says is in the script.
func TestRemoteScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:               scripts(t, "testdata/remote", "metrics", "status"),
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"server": serveScript},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", os.Getenv("GORACE"))
			e.Setenv("HOME", e.WorkDir+"/home")
			for _, name := range []string{"MTPLX_AUTH", "NO_COLOR", "HF_TOKEN", "http_proxy", "https_proxy"} {
				e.Setenv(name, "")
			}
			return os.Mkdir(e.WorkDir+"/home", 0o700)
		},
	})
}

// serveScript is the scripts' command
//
//	server NAME DIR [key=KEY] [says=NAME]
//	server NAME hang | refuse | redirect=URL
//
// which puts an address into the variable NAME. There, files of DIR are answered, as an mtplx does or as a server of another
// name, to those who have the key; or nothing ever is; or nobody listens; or all is said to be elsewhere.
func serveScript(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: server NAME DIR [key=KEY] [says=NAME]")
	}
	name, what := args[0], args[1]
	options := map[string]string{"says": "mtplx"}
	for _, a := range args[2:] {
		k, v, _ := strings.Cut(a, "=")
		options[k] = v
	}
	var handler http.Handler
	switch to, redirect := strings.CutPrefix(what, "redirect="); {
	case redirect:
		handler = http.RedirectHandler(to, http.StatusTemporaryRedirect)
	case what == "hang" || what == "refuse":
		ln, err := net.Listen("tcp", "127.0.0.1:0") // accepted by the kernel, and by nobody else
		ts.Check(err)
		ts.Setenv(name, "http://"+ln.Addr().String())
		if what == "refuse" {
			ts.Check(ln.Close())
			return
		}
		ts.Defer(func() { _ = ln.Close() })
		return
	default:
		handler = answers(ts.MkAbs(what), options)
	}
	s := httptest.NewServer(handler)
	ts.Defer(s.Close)
	ts.Setenv(name, s.URL)
}

// answers serves the files of a folder, read anew for every request.
func answers(dir string, options map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", options["says"])
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if want := options["key"]; want != "" && subtle.ConstantTimeCompare([]byte(key), []byte(want)) != 1 {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"message":"the API key is missing or wrong"}}`))
			return
		}
		body, err := os.ReadFile(filepath.Join(dir, filepath.Clean(r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	})
}
