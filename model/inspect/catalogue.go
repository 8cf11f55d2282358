package inspect

import (
	"strings"
)

// Level is how far this engine supports an architecture.
type Level string

// The levels.
const (
	Native  Level = "verified-native"            // the engine has its forward, tested against other implementations
	Pending Level = "recognized-backend-pending" // the engine knows the name and the head's tensors, and has no forward
)

// Architecture is a row of the catalogue.
type Architecture struct {
	ID      string
	Aliases []string
	Level   Level
	Backend string // the package that runs it, "" without
	gate    gate   // which tensors a head must have; nil when that is not known
	Notes   string
}

// Catalogue is the architectures that are known by name. The first aliases tried are Qwen's, which match a model without a head too.
var Catalogue = []Architecture{
	{
		ID: "qwen3-next-mtp", Level: Native, Backend: "qwen", gate: qwenGate,
		Aliases: []string{"qwen3_5_moe_mtp", "qwen3_6_moe_mtp", "qwen3_5_moe", "qwen3_6_moe", "qwen3_5_mtp", "qwen3_6_mtp", "qwen3_next_mtp", "qwen3_next", "qwen3_5", "qwen3_6"},
	},
	{ID: "deepseek-v3-mtp", Level: Pending, gate: appendedGate, Aliases: []string{"deepseek_v3_mtp", "deepseek_v32_mtp", "deepseek_v32", "deepseek_v3"}, Notes: "multi-head latent attention is not implemented"},
	{ID: "glm-moe-dsa-mtp", Level: Pending, gate: appendedGate, Aliases: []string{"glm_moe_dsa"}, Notes: "sparse attention with an indexer is not implemented"},
	{ID: "glm4-moe-lite-mtp", Level: Pending, gate: appendedGate, Aliases: []string{"glm4_moe_lite"}, Notes: "multi-head latent attention is not implemented"},
	{ID: "glm4-moe-mtp", Level: Pending, gate: appendedGate, Aliases: []string{"glm4_moe"}},
	{ID: "mimo-mtp", Level: Pending, gate: mimoGate, Aliases: []string{"mimo"}},
	{ID: "nemotron-h-mtp", Level: Pending, gate: nemotronGate, Aliases: []string{"nemotron_h_puzzle", "nemotron_h"}, Notes: "Mamba layers are not implemented"},
	{ID: "minimax-m2-mtp", Level: Pending, Aliases: []string{"minimax_m2"}, Notes: "the published weights hold no head, whatever the configuration says"},
	{ID: "deepseek-v4", Level: Pending, Aliases: []string{"deepseek_v4"}},
	{ID: "glm-ocr", Level: Pending, Aliases: []string{"glm_ocr"}},
	{ID: "gemma", Level: Pending, Aliases: []string{"gemma4_assistant", "gemma"}, Notes: "its drafter is a model of its own that reads the target's keys and values"},
	{ID: "ernie", Level: Pending, Aliases: []string{"ernie"}},
	{ID: "exaone-moe", Level: Pending, Aliases: []string{"exaone_moe"}},
	{ID: "exaone-4-5", Level: Pending, Aliases: []string{"exaone_4_5", "exaone4_5"}},
	{ID: "longcat-flash", Level: Pending, Aliases: []string{"longcat_flash"}},
	{ID: "pangu-ultra-moe", Level: Pending, Aliases: []string{"pangu_ultra_moe"}},
	{ID: "step3p5", Level: Pending, Aliases: []string{"step3p5"}},
	{ID: "hy-v3", Level: Pending, Aliases: []string{"hy_v3"}},
}

// generic is what has a head's declaration and no known name.
var generic = Architecture{ID: "generic-mtp", Level: Pending}

// Find returns the row that a configuration's words name: architectures[0] and model_type. The longest alias wins, Qwen's before
// others; all but Qwen need a declaration of MTP layers.
func Find(architecture, modelType string, layers int) (Architecture, bool) {
	words := squash(architecture + " " + modelType)
	bare := strings.ReplaceAll(words, "_", "")
	best, length := Architecture{}, 0
	for i, a := range Catalogue {
		for _, alias := range a.Aliases {
			if len(alias) > length && (strings.Contains(words, alias) || strings.Contains(bare, strings.ReplaceAll(alias, "_", ""))) {
				best, length = a, len(alias)
			}
		}
		if i == 0 && length > 0 {
			return best, true
		}
	}
	switch {
	case layers == 0:
		return Architecture{}, false
	case length > 0:
		return best, true
	}
	return generic, true
}

func squash(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
