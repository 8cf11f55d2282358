package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mtplx/cmd/mtplx/config"
	"mtplx/model/adapter/adaptertest"
	"mtplx/model/demo"
	"mtplx/model/qwen"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "mtplx" { // not a command of a script: the configuration of who runs the tests is not theirs
		_ = os.Setenv(config.Variable, os.DevNull)
		_ = os.Setenv("MTPLX_LOG_FILE", "false")
	}
	testscript.Main(m, map[string]func(){"mtplx": main})
}

// concurrent are the scripts whose commands have goroutines beside each other: under -short, for the race detector, the
// others are left out, since each command is a program of its own that takes a second to start under it.
var concurrent = []string{"ask", "chat", "config_at_once", "run", "serve", "sessions", "start"}

// scripts are the scripts of a folder, or under -short those with the given names.
func scripts(t *testing.T, dir string, short ...string) (files []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d scripts in %s: %v", len(files), dir, err)
	}
	if !testing.Short() {
		return files
	}
	files = nil
	for _, name := range short {
		files = append(files, filepath.Join(dir, name+".txtar"))
	}
	return files
}

// Every script in testdata/script is a conversation with the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:               scripts(t, "testdata/script", concurrent...),
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"adapter": writeAdapter},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", os.Getenv("GORACE")) // how long the race detector keeps a command that ends
			wd, err := os.Getwd()
			e.Setenv("REPO", wd+"/../..")
			return err
		},
	})
}

// writeAdapter makes an adapter of the default model's head: adapter FILE SEED [MODULE...]. Without modules it acts on all.
func writeAdapter(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := qwen.ParseConfig(demo.Files()["config.json"])
	ts.Check(err)
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	ts.Check(adaptertest.Write(ts.MkAbs(args[0]), adaptertest.Arrays(cfg.HeadShapes(true), seed, 8, 0.5, args[2:]...)))
}
