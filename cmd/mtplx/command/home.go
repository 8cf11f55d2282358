package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/runtime"
)

// Home is the directory of what mtplx keeps for its user: config.toml, models, bank, what tune measured. It is
// $MTPLX_HOME, or ~/.mtplx. It need not exist; who writes there makes it.
func Home() (string, error) {
	if dir := os.Getenv("MTPLX_HOME"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", runtime.Fail(runtime.UsageProblem, fmt.Errorf("MTPLX_HOME is %q", dir), "give an absolute path")
		}
		return filepath.Clean(dir), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", runtime.Fail(runtime.Environment, errors.New("there is no home directory to keep files in"), "set HOME or MTPLX_HOME")
	}
	return filepath.Join(home, ".mtplx"), nil
}
