package models

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/model/adapter"
	"mtplx/model/demo"
	"mtplx/model/hub"
	"mtplx/model/inspect"
)

// InspectCmd judges a checkpoint.
type InspectCmd struct {
	Model         string   `arg:"" optional:"" placeholder:"MODEL" help:"A directory, OWNER/NAME on the hub, OWNER/NAME/FILE.gguf of one there, or a .gguf file; without it the embedded model."`
	Adapters      []string `name:"mtp-adapter" sep:"none" placeholder:"FILE" help:"Also say whether a LoRA adapter is for the model's head: a .safetensors or .npz file or its folder; may be repeated."`
	RequireMTP    bool     `name:"require-mtp" help:"End with 2 unless the MTP tensors are whole."`
	NoStrictExits bool     `name:"no-strict-exit-code" help:"End with 0 whatever the verdict is."`
	JSON          bool     `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx inspect --help says above the flags.
func (c *InspectCmd) Help() string {
	return `Reads a configuration and the headers of weights, also on the hub, never the weights. Exit codes: 0 it runs, 2 it has no whole
MTP head or an adapter is for another one, 3 it runs only when forced, 4 there is no code for it.

mtplx inspect ~/models/qwen3.5-4b
mtplx inspect Qwen/Qwen3.5-4B --json
mtplx inspect OWNER/NAME/model-Q4_K_M.gguf
mtplx inspect ~/models/qwen3.5-4b --mtp-adapter ./adapter`
}

// Run implements the command.
func (c *InspectCmd) Run(ctx context.Context, s command.Streams) error {
	adapters := make([]*adapter.Adapter, len(c.Adapters))
	for i, path := range c.Adapters {
		a, err := runtime.ReadAdapter(path)
		if err != nil {
			return err
		}
		adapters[i] = a
	}
	r, err := c.inspect(ctx)
	if err != nil {
		return failure(err)
	}
	for _, a := range adapters {
		r.Add(a)
	}
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = describe(s.Out, r)
	}
	code, why := r.Compatibility.ExitCode, r.Compatibility.Message
	if c.RequireMTP && !r.MTP.Passes {
		code = max(code, int(runtime.BadModel))
	}
	for i := range r.Adapters {
		if code == 0 && !r.Adapters[i].Fits {
			code, why = int(runtime.BadModel), r.Adapters[i].Why
		}
	}
	if err != nil || code == 0 || c.NoStrictExits {
		return err
	}
	return runtime.Fail(runtime.Kind(code), &command.Silent{Err: errors.New(why)}, "")
}

func (c *InspectCmd) inspect(ctx context.Context) (*inspect.Report, error) {
	if c.Model == "" {
		r, err := inspect.Inspect(ctx, inspect.Memory{Label: demo.Name, Files: demo.Files()})
		if err == nil {
			r.Source = "embedded"
		}
		return r, err
	}
	info, err := os.Stat(c.Model)
	switch {
	case err == nil && info.IsDir():
		return inspect.Inspect(ctx, inspect.Dir(c.Model))
	case err == nil && !info.Mode().IsRegular():
		return nil, command.Usage(fmt.Errorf("%q is neither a directory nor a file", c.Model), "name a directory that holds config.json")
	case err == nil:
		f, err := os.Open(c.Model)
		if err != nil {
			return nil, runtime.Fail(runtime.Environment, err, "make the file readable")
		}
		defer f.Close()
		r, err := inspect.InspectGGUF(c.Model, f, info.Size())
		return r, command.Usage(err, "name a directory that holds config.json, or a .gguf file")
	}
	name, file := splitFile(c.Model)
	ref, bad := hub.ParseRef(name)
	if bad != nil || file == "" && strings.HasSuffix(c.Model, ".gguf") {
		return nil, command.Usage(fmt.Errorf("inspect %q: there is no such directory or file", c.Model), "name a directory, a .gguf file, or a model of the hub as OWNER/NAME")
	}
	return c.named(ctx, ref, file)
}

// named judges a model by name: what is on this machine, else what the hub has. A file of it is on the hub only.
func (c *InspectCmd) named(ctx context.Context, ref hub.Ref, file string) (*inspect.Report, error) {
	store, cache, err := open()
	if err != nil {
		return nil, err
	}
	if m, err := hub.Find(store, cache, ref); err == nil && file == "" {
		r, err := inspect.Inspect(ctx, inspect.Dir(m.Dir))
		if err == nil {
			r.Revision = m.Commit
		}
		return r, err
	}
	client, err := hub.NewClient(os.Getenv)
	if err != nil {
		return nil, err
	}
	snapshot, err := client.List(ctx, ref)
	if err != nil {
		return nil, err
	}
	if file != "" || onlyGGUF(snapshot) {
		return gguf(ctx, client, snapshot, file)
	}
	src, err := client.Open(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	r, err := inspect.Inspect(ctx, src)
	if err == nil {
		r.Source, r.Revision = "hf", snapshot.Commit
	}
	return r, err
}

// describe writes a report for a person.
func describe(w io.Writer, r *inspect.Report) error {
	c := r.Compatibility
	var out sheet.Sheet
	out.Head("%s", r.ModelDir)
	out.Add("verdict", "%s", c.Tier)
	out.Add("why", "%s", c.Message)
	if c.Fix != "" {
		out.Add("remedy", "%s", c.Fix)
	}
	if r.Architecture != "" {
		out.Add("architecture", "%s (%s)", r.Architecture, r.ModelType)
	}
	if r.MTP.Exists {
		out.Add("MTP head", "%d tensors in %s", r.MTP.Count, r.MTP.File)
	}
	for _, n := range c.Notes {
		out.Add("note", "%s", n)
	}
	out.Add("disk", "%s in %d files", sheet.Bytes(r.Disk.Total), r.Disk.Files)
	if r.Memory.Context > 0 {
		out.Add("memory", "about %s with a context of %d tokens", sheet.Bytes(r.Memory.Estimate), r.Memory.Context)
		out.Add("keys and values", "%s", kept(r.Memory.ByKV))
	}
	for i := range r.Adapters {
		describeAdapter(&out, &r.Adapters[i])
	}
	return out.Print(w)
}

// describeAdapter says what an adapter is, where it acts, and whether it is for the model's head.
func describeAdapter(out *sheet.Sheet, a *inspect.Adapter) {
	out.Add("adapter", "%s (%s, named as by %s)", a.File, a.Format, a.Trainer)
	out.Add("  holds", "%d numbers, fingerprint %s", a.Parameters, a.Fingerprint)
	for i := range a.Pairs {
		label := "  acts on"
		if i > 0 {
			label = ""
		}
		p := &a.Pairs[i]
		out.Add(label, "%s [%d][%d], rank %d, scale %.6g", p.Module, p.Out, p.In, p.Rank, p.Scale)
	}
	if a.Fits {
		out.Add("  fits", "yes: --mtp-adapter %s", a.File)
		return
	}
	out.Add("  fits", "no: %s", a.Why)
}

// kept says what a token's keys and values take by the type they are kept in, the widest first.
func kept(by map[string]int64) string {
	types := slices.Collect(maps.Keys(by))
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b)) })
	for i, t := range types {
		types[i] = fmt.Sprintf("%s %s", sheet.Bytes(by[t]), t)
	}
	return strings.Join(types, ", ") + " a token"
}
