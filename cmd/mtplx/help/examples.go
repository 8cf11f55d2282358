package help

import (
	"strings"

	"github.com/alecthomas/kong"
)

// rootExamples open the page of all commands.
var rootExamples = []string{`mtplx run "Write a Python function that checks if a number is prime."`}

// RootExamples are command lines that show what the program is for.
func RootExamples() []string { return rootExamples }

// Examples are command lines of a command that work as they stand, given the files they name: those in the table below, or
// else the lines of the command's own text that begin with mtplx or Example:.
func Examples(node *kong.Node) []string {
	if known := examples[Path(node)]; known != nil {
		return known
	}
	var own []string
	for line := range strings.Lines(node.Detail) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "Example: ")
		if strings.HasPrefix(line, "mtplx ") && !strings.HasSuffix(line, ".") {
			own = append(own, line)
		}
	}
	return own
}

// examples by command. Every visible command has some, here or in its own text; a test parses them all.
var examples = map[string][]string{
	"start":      {"mtplx start", "mtplx start browser"},
	"run":        {`mtplx run "Write a Python function that checks if a number is prime."`, "mtplx run --json --seed 7 --prompt-file question.txt"},
	"ask":        {`mtplx ask "How do I undo a commit?"`, `git diff | mtplx ask "Explain this change."`},
	"chat":       {"mtplx chat", "mtplx chat --model ~/models/qwen3.5-4b --temperature 0.3"},
	"serve":      {"mtplx serve", "mtplx serve --model ~/models/qwen3.5-4b --port 9000 --sessions 8"},
	"quickstart": {"mtplx quickstart"},
	"status":     {"mtplx status"},
	"profiles":   {"mtplx profiles"},

	"connect":                  {"mtplx connect codex --write && codex --profile mtplx"},
	"connect claude-code":      {"mtplx connect claude-code", "mtplx connect claude-code --write"},
	"connect codex":            {"mtplx connect codex --write"},
	"connect openwebui":        {"mtplx connect openwebui --json"},
	"openwebui":                {"mtplx openwebui docker-command"},
	"openwebui docker-command": {"mtplx openwebui docker-command --single-user"},

	"env":              {"mtplx env --json"},
	"bench":            {"mtplx bench run --suite coding"},
	"bench run":        {"mtplx bench run --suite coding", "mtplx bench run --suite prompts.jsonl --depth auto --json"},
	"bench sessions":   {"mtplx bench sessions"},
	"bench depths":     {"mtplx bench depths --suite code"},
	"bench kernels":    {"mtplx bench kernels"},
	"bench preflight":  {"mtplx bench preflight && mtplx bench run"},
	"bench serve":      {"mtplx bench serve --url http://127.0.0.1:8080 --mix multi-turn --concurrency 4,16 --goodput ttft=200,tpot=20"},
	"bench forward":    {"mtplx bench forward --model ~/models/qwen3.5-4b"},
	"bench make-model": {"mtplx bench make-model --shape qwen3.5-0.8b /tmp/shape"},
	"bench calibrate":  {"mtplx bench calibrate --suite code --out calibration.json"},
	"bench gpu":        {"mtplx bench gpu"},
	"tune":             {"mtplx tune", "mtplx tune --model ~/models/qwen3.5-4b --budget 5m && mtplx chat --model ~/models/qwen3.5-4b --profile tuned"},
	"tune run":         {"mtplx tune run --budget 2m", "mtplx tune run --suite prompts.jsonl --dry-run"},
	"tune show":        {"mtplx tune show"},
	"tune forget":      {"mtplx tune forget --model ~/models/qwen3.5-4b"},
	"qa device":        {"mtplx qa device"},
	"qa":               {"mtplx qa numerics"},
	"qa golden":        {"mtplx qa golden ~/goldens/qwen3.5"},
	"qa numerics":      {"mtplx qa numerics --json"},
	"init":             {"mtplx init"},
	"metrics":          {"mtplx metrics watch"},
	"metrics watch":    {"mtplx metrics watch"},
	"max":              {"mtplx max", "mtplx max on && mtplx bench run; mtplx max off"},
	"doctor":           {"mtplx doctor"},
	"report":           {"mtplx report", "mtplx report --json"},
	"config":           {"mtplx config set threads 8", "mtplx config show --origin serve"},
	"config show":      {"mtplx config show --origin", "mtplx config show --origin serve --port 9000"},
	"config set":       {"mtplx config set model ~/models/qwen3.5-4b", "mtplx config set serve.port 9000"},
	"config unset":     {"mtplx config unset serve.port"},
	"config path":      {"mtplx config path"},
	"completion":       {"mtplx completion bash > ~/.local/share/bash-completion/completions/mtplx"},
	"man":              {"mtplx man ~/.local/share/man/man1"},
	"help":             {"mtplx help serve", "mtplx help exit-codes"},
	"version":          {"mtplx version --json"},
}
