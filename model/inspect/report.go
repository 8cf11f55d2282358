package inspect

// Tier is how well a checkpoint fits this engine.
type Tier string

// The tiers, best first, and the no-MTP one apart: such a model runs, without drafts.
const (
	Verified       Tier = "verified"                               // the publisher's contract is sound and the head's tensors are a known set
	FamilyOK       Tier = "family-compatible-unverified"           // the same without a contract, or with a damaged one
	ArchitectureOK Tier = "architecture-compatible-but-unverified" // it can be loaded, but something speaks against it: forced only
	Incompatible   Tier = "incompatible-architecture"              // there is no forward for it
	NoMTP          Tier = "no-MTP"                                 // no head, or one that is not whole
)

// ExitCode is the process's exit code for a tier.
func (t Tier) ExitCode() int {
	switch t {
	case Verified, FamilyOK:
		return 0
	case ArchitectureOK:
		return 3
	case Incompatible:
		return 4
	default:
		return 2
	}
}

// Report is what inspecting found; its JSON is the output of mtplx inspect --json. Sizes are in bytes.
type Report struct {
	ModelDir        string        `json:"model_dir"`
	Source          string        `json:"source"` // local, hf, gguf or embedded
	Revision        string        `json:"revision,omitempty"`
	ConfigExists    bool          `json:"config_exists"`
	Architecture    string        `json:"architecture"`
	ModelType       string        `json:"model_type"`
	MTPLayers       int           `json:"mtp_num_hidden_layers"`
	MTPPattern      string        `json:"mtp_pattern"`
	HiddenSize      int           `json:"hidden_size"`
	Layers          int           `json:"num_hidden_layers"`
	VocabSize       int           `json:"vocab_size"`
	Quantization    any           `json:"quantization"`
	Sidecars        []string      `json:"sidecars"`
	ModelFiles      []string      `json:"model_files"`
	PassesGate      bool          `json:"passes_primary_gate"`
	MTP             MTP           `json:"mtp"`
	ContractPath    string        `json:"runtime_contract_path"`
	Compatibility   Compatibility `json:"compatibility"`
	Memory          Footprint     `json:"memory"`
	Disk            Disk          `json:"disk"`
	MTPSupported    string        `json:"mtp_supported"`
	MTPArch         string        `json:"mtp_arch"`
	Backend         string        `json:"recommended_backend"`
	Profile         string        `json:"recommended_profile"`
	Runtime         string        `json:"runtime_compatibility"`
	ArchRecognized  bool          `json:"architecture_recognized"`
	SupportLevel    Level         `json:"support_level"`
	SupportNotes    []string      `json:"support_notes"`
	UnverifiedModel bool          `json:"unverified_model"`
	Adapters        []Adapter     `json:"adapters,omitempty"` // those that were asked about

	head   map[string][2]int // the matrices [out][in] that adapters may act on; nil where adapters are not run
	noHead string            // why
}

// MTP is the head's part of a report.
type MTP struct {
	File         string   `json:"mtp_file"`
	Exists       bool     `json:"exists"`
	Count        int      `json:"tensor_count"`
	Format       string   `json:"sidecar_format"` // bf16, prequantized-mlx-affine, or ""
	Expected     int      `json:"expected_tensor_count"`
	MetadataOnly bool     `json:"metadata_only"`
	Passes       bool     `json:"passes_tensor_gate"`
	Missing      []string `json:"missing_expected_keys"`
	Extra        []string `json:"extra_keys"`
	Tensors      []Tensor `json:"tensors"`
}

// Tensor is one tensor of the head.
type Tensor struct {
	Key      string `json:"key"`
	DType    string `json:"dtype"`
	Shape    []int  `json:"shape"`
	Elements int64  `json:"elements"`
}

// Compatibility is the verdict.
type Compatibility struct {
	Tier          Tier     `json:"tier"`
	ArchID        string   `json:"arch_id"`
	Supported     bool     `json:"supported"`
	Recognized    bool     `json:"recognized"`
	CanRun        bool     `json:"can_run"`
	ExitCode      int      `json:"exit_code"`
	Message       string   `json:"message"`
	Fix           string   `json:"fix"` // what would make it run, "" when nothing is needed
	Backend       string   `json:"recommended_backend"`
	Profile       string   `json:"recommended_profile"`
	Contract      any      `json:"runtime_contract"`
	ContractPath  string   `json:"runtime_contract_path"`
	ContractError string   `json:"runtime_contract_error"`
	Force         bool     `json:"unsafe_force_required"`
	Unverified    bool     `json:"unverified_model"`
	MTPSupported  string   `json:"mtp_supported"` // yes, no, partial or recognized
	Runtime       string   `json:"runtime_compatibility"`
	Level         Level    `json:"support_level"`
	Notes         []string `json:"support_notes"`
}

// Footprint estimates what running takes: the weights, and one session of a context.
type Footprint struct {
	Weights  int64 `json:"weights_bytes"`
	PerToken int64 `json:"kv_bytes_per_token"` // of the widest numeric mode
	// ByKV is the same by the type that keys and values are kept in.
	ByKV       map[string]int64 `json:"kv_bytes_per_token_by_type,omitempty"`
	PerSession int64            `json:"state_bytes_per_session"`
	Context    int              `json:"context"`
	Estimate   int64            `json:"estimate_bytes"`
}

// Disk is what the files take.
type Disk struct {
	Total int64 `json:"total_bytes"`
	Files int   `json:"files"`
}
