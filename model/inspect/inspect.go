package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/tidwall/gjson"

	"mtplx/model/qwen"
	"mtplx/model/weights"
)

// Inspect judges the checkpoint of a source. An error is one of reading; a file that is damaged is a verdict.
func Inspect(ctx context.Context, src Source) (*Report, error) {
	files, err := src.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", src.Name(), err)
	}
	in := &inspection{ctx: ctx, src: src, files: files, tensors: map[string]weights.Tensor{}}
	in.r = Report{ModelDir: src.Name(), Source: "local", Sidecars: []string{}, ModelFiles: []string{}}
	in.r.MTP.Missing, in.r.MTP.Extra, in.r.MTP.Tensors = []string{}, []string{}, []Tensor{}
	in.r.Compatibility.Notes = []string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		in.r.Disk.Total += files[name]
		in.r.Disk.Files++
		if path.Ext(name) == ".safetensors" {
			in.r.ModelFiles = append(in.r.ModelFiles, name)
		}
	}
	for _, name := range []string{"preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"} {
		if _, ok := files[name]; ok {
			in.r.Sidecars = append(in.r.Sidecars, name)
		}
	}
	damage := in.read()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p, ok := errors.AsType[*unread](damage); ok {
		return nil, fmt.Errorf("inspect %s: %w", src.Name(), p.err)
	}
	in.judge(damage)
	return &in.r, nil
}

// inspection is the state of one Inspect.
type inspection struct {
	ctx      context.Context //nolint:containedctx // lives as long as one call
	src      Source
	files    map[string]int64
	config   []byte
	root     gjson.Result
	tensors  map[string]weights.Tensor // of the trunk and the head
	weights  int64                     // bytes
	headers  int64                     // bytes that headers take
	contract *qwen.Contract            // nil without one
	declared json.RawMessage           // the contract as published
	r        Report
}

// unread marks an error of reading, as of the network, which says nothing about the checkpoint.
type unread struct{ err error }

func (u *unread) Error() string { return u.err.Error() }
func (u *unread) Unwrap() error { return u.err }

func (in *inspection) small(name string) ([]byte, error) {
	data, err := in.src.Read(in.ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &unread{err}
	}
	return data, err
}

// read collects the configuration, the contract and all tensors. The error says what is damaged.
func (in *inspection) read() error {
	config, err := in.small("config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no config.json")
	}
	if err != nil {
		return err
	}
	in.r.ConfigExists = true
	if err := weights.CheckJSON(config); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	in.config, in.root = config, gjson.ParseBytes(config)
	if !in.root.IsObject() {
		return errors.New("config.json is not a JSON object")
	}
	in.r.Architecture = in.root.Get("architectures.0").Str
	in.r.ModelType = in.root.Get("model_type").Str
	for _, key := range []string{"mtp_num_hidden_layers", "num_nextn_predict_layers", "num_mtp_modules"} {
		if lookup(in.root, key).Exists() {
			in.r.MTPLayers = whole(in.root, key)
			break
		}
	}
	in.r.MTPPattern = nemotronPattern(in.root)
	in.r.HiddenSize, in.r.Layers, in.r.VocabSize = whole(in.root, "hidden_size"), whole(in.root, "num_hidden_layers"), whole(in.root, "vocab_size")
	if q := lookup(in.root, "quantization"); q.IsObject() {
		in.r.Quantization = q.Value()
	} else if q := lookup(in.root, "quantization_config"); q.IsObject() {
		in.r.Quantization = q.Value()
	}
	if data, err := in.small("mtplx_runtime.json"); err == nil {
		c := qwen.ParseContract(data)
		in.contract = &c
		if json.Valid(data) {
			in.declared = data
		}
		in.r.ContractPath = path.Join(in.src.Name(), "mtplx_runtime.json")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return in.readWeights()
}
