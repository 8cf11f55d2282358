package command

import (
	"errors"
	"fmt"
	"os"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/stages/correction"
	"mtplx/stages/drift"
	"mtplx/stages/ensemble"
	"mtplx/stages/rerank"
)

// ProposalFlags choose what proposes tokens besides the head's own draws. All are off where nobody asks.
type ProposalFlags struct {
	OnlineCorrectionCache         bool   `help:"Propose what the model wrote where the head's draft fell before, in the same place." group:"Proposals"`
	OnlineCorrectionCacheMinDepth int    `placeholder:"N" default:"1" help:"Least depth of drafts that it learns from." group:"Proposals"`
	OnlineCorrectionCacheKey      string `placeholder:"KEY" default:"local_prefix" help:"What makes a place the same: local_prefix, source_token, primary_source." group:"Proposals"`
	PromptCorrectionCache         bool   `help:"Fill that cache from the prompt first." group:"Proposals"`
	PromptCorrectionCacheMinDepth int    `placeholder:"N" default:"2" help:"Least depth of drafts that the prompt is used for." group:"Proposals"`

	Corrector      string  `name:"mtp-corrector" placeholder:"FILE" help:"Mend the head's output before it is fed back, by an .npz or .safetensors file." group:"Proposals"`
	CorrectorBlend float64 `name:"mtp-corrector-blend" placeholder:"PART" default:"1" help:"How much of what it says is done: 0 to 1." group:"Proposals"`

	HiddenAlpha  float64 `name:"online-hidden-corrector-alpha" placeholder:"A" default:"0" help:"Move that output by so much of how far it has been off; 0 is off." group:"Proposals"`
	HiddenDecay  float64 `name:"online-hidden-corrector-decay" placeholder:"D" default:"0.8" help:"What the average of that keeps with each observation." group:"Proposals"`
	HiddenWarmup int     `name:"online-hidden-corrector-warmup" placeholder:"N" default:"1" help:"Observations before it is used." group:"Proposals"`
	HiddenFeed   int     `name:"online-hidden-corrector-max-feed-depth" placeholder:"N" default:"0" help:"Deepest draft whose input is moved; 0 is no limit." group:"Proposals"`
	HiddenKey    string  `name:"online-hidden-corrector-key" placeholder:"KEY" default:"global" help:"Outputs that share an average: global (all), token (those after the same token)." group:"Proposals"`

	Adapters        []string  `name:"mtp-adapter" sep:"none" placeholder:"FILE" help:"Give the head a LoRA adapter, a .safetensors or .npz file or its folder; may be repeated for an ensemble." group:"Proposals"`
	EnsembleQ       bool      `name:"adapter-ensemble-q" help:"Let the head and those with adapters draft together, from the mean of what each would." group:"Proposals"`
	EnsembleEpsilon float64   `name:"adapter-ensemble-epsilon" placeholder:"PART" default:"0.5" help:"The adapters' share of a draft: more than 0, at most 1." group:"Proposals"`
	EnsembleDepth   int       `name:"adapter-ensemble-min-depth" placeholder:"N" default:"2" help:"First depth of drafts that they take part in." group:"Proposals"`
	EnsembleWeights []float64 `name:"adapter-ensemble-weights" placeholder:"W" help:"How they divide that share, one number for each (default: equally)." group:"Proposals"`

	RerankerCalib       string  `name:"mtp-topk-reranker-calib" placeholder:"FILE" help:"Choose out of the head's best tokens by a calibration: see bench calibrate." group:"Proposals"`
	RerankerDepths      []int   `name:"mtp-topk-reranker-depths" placeholder:"N" help:"Depths to choose at (default: all of the calibration)." group:"Proposals"`
	RerankerTopK        int     `name:"mtp-topk-reranker-topk" placeholder:"K" default:"32" help:"How many of the head's tokens are looked at." group:"Proposals"`
	RerankerQWeight     float64 `name:"mtp-topk-reranker-q-weight" placeholder:"W" default:"0.5" help:"Weight of the head's own log probability." group:"Proposals"`
	RerankerTokenWeight float64 `name:"mtp-topk-reranker-token-weight" placeholder:"W" default:"1" help:"Weight of how often the model wrote the token." group:"Proposals"`
	RerankerRankWeight  float64 `name:"mtp-topk-reranker-rank-weight" placeholder:"W" default:"0" help:"Weight of how often its place was the right one." group:"Proposals"`
}

// Put puts what the flags say into o.
func (f *ProposalFlags) Put(o *runtime.Options) error {
	key, err := correction.ParseKey(f.OnlineCorrectionCacheKey)
	if err != nil {
		return Usage(fmt.Errorf("--online-correction-cache-key: %w", err), "")
	}
	o.Proposals.Correction = correction.Options{
		Key: key, Online: f.OnlineCorrectionCache, Least: f.OnlineCorrectionCacheMinDepth,
		Prompt: f.PromptCorrectionCache, PromptLeast: f.PromptCorrectionCacheMinDepth,
	}
	if err := o.Proposals.Correction.Validate(MaxDepth); err != nil {
		return Usage(err, "")
	}
	by, err := drift.ParseKey(f.HiddenKey)
	if err != nil {
		return Usage(fmt.Errorf("--online-hidden-corrector-key: %w", err), "")
	}
	o.Proposals.Drift = drift.Options{Alpha: f.HiddenAlpha, Decay: f.HiddenDecay, Warmup: f.HiddenWarmup, Key: by, MaxFeed: f.HiddenFeed}
	if err := o.Proposals.Drift.Validate(); err != nil {
		return Usage(err, "")
	}
	o.Corrector, o.Blend = f.Corrector, f.CorrectorBlend
	o.Adapters, o.Together = f.Adapters, f.EnsembleQ
	o.Ensemble = ensemble.Options{Adapters: len(f.Adapters), Epsilon: f.EnsembleEpsilon, MinDepth: f.EnsembleDepth, Weights: f.EnsembleWeights}
	if err := f.checkEnsemble(o.Ensemble); err != nil {
		return err
	}
	if f.RerankerCalib == "" {
		return nil
	}
	file, err := os.Open(f.RerankerCalib)
	if err != nil {
		return Usage(fmt.Errorf("--mtp-topk-reranker-calib: %w", err), "make a calibration with mtplx bench calibrate")
	}
	defer func() { _ = file.Close() }()
	c, err := rerank.Parse(file)
	if err != nil {
		return Usage(fmt.Errorf("--mtp-topk-reranker-calib %s: %w", f.RerankerCalib, err), "")
	}
	o.Proposals.Rerank = rerank.Options{
		Calibration: c, Depths: f.RerankerDepths, TopK: f.RerankerTopK,
		QWeight: f.RerankerQWeight, TokenWeight: f.RerankerTokenWeight, RankWeight: f.RerankerRankWeight,
	}
	// The vocabulary is held against the model's when that is open.
	return Usage(o.Proposals.Rerank.Validate(c.Vocabulary), "")
}

// checkEnsemble says what is wrong with an ensemble, before a model is opened. Where there is none its values are held to what
// they would have to be in one, but for how many weights there are: a configuration may have them for another day.
func (f *ProposalFlags) checkEnsemble(e ensemble.Options) error {
	if !f.EnsembleQ {
		e.Adapters = max(1, len(e.Weights))
	}
	err := e.Validate(MaxDepth)
	if bad, ok := errors.AsType[*ensemble.OptionError](err); ok {
		flag := "--mtp-adapter"
		if bad.Option != "adapters" {
			flag = "--adapter-ensemble-" + bad.Option
		}
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return Usage(err, "")
}

var _ Setting = (*ProposalFlags)(nil)
