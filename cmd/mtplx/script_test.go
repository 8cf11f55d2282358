package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mtplx/cmd/mtplx/config"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "mtplx" { // not a command of a script: the configuration of who runs the tests is not theirs
		_ = os.Setenv(config.Variable, os.DevNull)
		_ = os.Setenv("MTPLX_LOG_FILE", "false")
	}
	testscript.Main(m, map[string]func(){"mtplx": main})
}

// Every script in testdata/script is a conversation with the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			wd, err := os.Getwd()
			e.Setenv("REPO", wd+"/../..")
			return err
		},
	})
}
