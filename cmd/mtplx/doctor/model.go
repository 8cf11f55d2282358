package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/demo"
	"mtplx/model/hub"
	"mtplx/model/qwen"
)

// embeddedSum is the checksum of the checkpoint that the program was built with; TestEmbeddedSum holds it to that.
const embeddedSum = "ddaa3e8c6e2d8e09d4c27b608abee4126b2af8920ff427b3637725f0a9291119"

// checksum is the SHA-256 of files by name, in hexadecimal.
func checksum(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// model is the checkpoint that runs.
type model struct{}

func (model) Run(_ context.Context, m *Machine) Finding {
	set, name, err := runtime.OpenSet(m.Model)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = set.Close() }()
	fingerprint, err := set.Fingerprint()
	if err != nil {
		return failed(runtime.Fail(runtime.BadModel, err, "fetch the model again"))
	}
	if m.Model == "" {
		if sum := checksum(m.Embedded()); sum != embeddedSum {
			return fail(runtime.BadModel, "install the program again", "the embedded model is damaged: its SHA-256 is %.16s, not %.16s", sum, embeddedSum)
		}
	}
	ck, err := qwen.Load(set)
	switch {
	case errors.Is(err, qwen.ErrUnsupported):
		return failed(runtime.Fail(runtime.Unsupported, err, "mtplx runs models of the families that its documentation names"))
	case err != nil:
		return failed(runtime.Fail(runtime.BadModel, err, "fetch the model again"))
	}
	if e := ck.Contract.RuntimeContractError; e != "" {
		return warn("fetch the model again, or remove the file", "the mtplx_runtime.json of %s cannot be used: %s", name, e)
	}
	return ok("%s opens, with %d tensors and fingerprint %.12s", name, len(set.Names()), fingerprint)
}

// models are the checkpoints that lie in the directory of mtplx.
type models struct{}

func (models) Run(ctx context.Context, m *Machine) Finding {
	dir, err := m.Home()
	if err != nil {
		return skip("there is no directory to look at")
	}
	dir = filepath.Join(dir, "models")
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ok("no model was fetched yet; the embedded one needs none")
	case err != nil:
		return fail(runtime.Environment, "make it a directory that you can read", "%v", err)
	}
	good := 0
	var bad []string
	look := func(name, path string) {
		if ctx.Err() != nil {
			return
		}
		if err := opens(path); err != nil {
			bad = append(bad, fmt.Sprintf("%s (%v)", name, err))
			return
		}
		good++
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !holdsFolders(path) {
			look(e.Name(), path)
		}
	}
	pulled, err := hub.NewStore(dir).List()
	if err != nil {
		return fail(runtime.Environment, "make it a directory that you can read", "%v", err)
	}
	for _, m := range pulled {
		look(m.Ref.String(), m.Dir)
	}
	if len(bad) > 0 {
		return warn("fetch them again, or remove their directories", "of %d models in %s, these cannot be opened: %s", good+len(bad), dir, strings.Join(bad, ", "))
	}
	return ok("%d models in %s can be opened", good, dir)
}

// holdsFolders tells whether a folder is an owner's, which has models in it, and not a model's.
func holdsFolders(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() {
			return false
		}
	}
	return err == nil && len(entries) > 0
}

func opens(dir string) error {
	set, _, err := runtime.OpenSet(dir)
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }()
	_, err = qwen.Load(set)
	return err
}

// weightBytes is the size of a checkpoint's weights.
func weightBytes(dir string) (uint64, error) {
	var sum uint64
	if dir == "" {
		for name, data := range demo.Files() {
			if strings.HasSuffix(name, ".safetensors") {
				sum += uint64(len(data))
			}
		}
		return sum, nil
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".safetensors") {
			return err
		}
		info, err := os.Stat(path) // the hub's cache has links
		if err == nil {
			sum += uint64(info.Size())
		}
		return err
	})
	return sum, err
}
