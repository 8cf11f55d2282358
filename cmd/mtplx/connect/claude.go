package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/tidwall/pretty"
	"github.com/tidwall/sjson"
)

// claudeFile is where Claude Code keeps its user's settings.
func claudeFile() (string, error) {
	if dir := os.Getenv("CLAUDE_CONFIG_DIR"); dir != "" {
		return filepath.Join(dir, "settings.json"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".claude", "settings.json"), err
}

// keyHelper is the command by which Claude Code finds the API key when it runs.
const keyHelper = `printf %s "$` + keyVariable + `"`

// claudeSettings are old settings of Claude Code with the server in them: variables in env, and, where there is a key, the command
// that finds it. Whatever else the settings hold stays as it is.
func (t *Target) claudeSettings(old []byte) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("{}")
	}
	var before map[string]any
	if err := json.Unmarshal(old, &before); err != nil || before == nil {
		return nil, fmt.Errorf("it is no JSON object (%w)", orNull(err))
	}
	env, ok := before["env"].(map[string]any)
	if _, exists := before["env"]; exists && !ok {
		return nil, errors.New("its env is no object")
	}
	after := before
	if env == nil {
		env = map[string]any{}
	}
	after["env"] = env
	text := old
	var err error
	set := func(path string, value string) {
		if err == nil {
			text, err = sjson.SetBytes(text, path, value)
		}
	}
	for _, v := range t.ClaudeCode() {
		if v.Secret {
			continue
		}
		env[v.Name] = v.Value
		set("env."+v.Name, v.Value)
	}
	if t.Key { // a token in env would win over the command
		delete(env, "ANTHROPIC_AUTH_TOKEN")
		after["apiKeyHelper"] = keyHelper
		set("apiKeyHelper", keyHelper)
		if err == nil {
			text, err = sjson.DeleteBytes(text, "env.ANTHROPIC_AUTH_TOKEN")
		}
	}
	if err != nil {
		return nil, err
	}
	text = pretty.PrettyOptions(text, &pretty.Options{Indent: "  "}) // as Claude Code writes it
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, after) {
		return nil, errors.New("it names something twice")
	}
	return text, nil
}

func orNull(err error) error {
	if err == nil {
		return errors.New("it is null")
	}
	return err
}
