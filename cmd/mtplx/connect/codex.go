package connect

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// CodexCommand is a command line that starts Codex on the server, whatever its settings say.
func (t *Target) CodexCommand() string {
	provider := fmt.Sprintf("model_providers.%s={%s}", alias, strings.Join(t.provider("="), ","))
	return fmt.Sprintf("codex -c model=%s -c model_provider=%s -c %s", alias, alias, quote(provider))
}

// provider is what Codex needs to know of the server, in TOML.
func (t *Target) provider(equals string) []string {
	lines := []string{
		"name" + equals + strconv.Quote(alias),
		"base_url" + equals + strconv.Quote(t.Base+"/v1"),
		"wire_api" + equals + strconv.Quote("responses"),
	}
	if t.Key {
		lines = append(lines, "env_key"+equals+strconv.Quote(keyVariable))
	}
	return lines
}

// codexProfile is a profile of Codex: settings that codex --profile mtplx lays over the user's own.
func (t *Target) codexProfile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by mtplx connect codex; codex --profile %s uses it.\nmodel = %q\nmodel_provider = %q\n", alias, alias, alias)
	if t.Context > 0 {
		fmt.Fprintf(&b, "model_context_window = %d\n", t.Context)
	}
	fmt.Fprintf(&b, "\n[model_providers.%s]\n%s\n", alias, strings.Join(t.provider(" = "), "\n"))
	return b.String()
}

// codexHome is where Codex keeps its settings.
func codexHome() (string, error) {
	if dir := os.Getenv("CODEX_HOME"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".codex"), err
}

var legacyProfile = regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*profiles[ \t]*\.[ \t]*"?` + alias + `"?[ \t]*[\].]`)

// codexObstacle says what in the user's own settings keeps Codex from taking the profile, or is empty.
func codexObstacle(profile string) string {
	path := filepath.Join(filepath.Dir(profile), "config.toml")
	if text, err := os.ReadFile(path); err == nil && legacyProfile.Match(text) {
		return fmt.Sprintf("%s has a table [profiles.%s], with which Codex refuses --profile %s; remove that table", path, alias, alias)
	}
	return ""
}
