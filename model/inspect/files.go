package inspect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"mtplx/model/weights"
)

// Limits of what is read from one checkpoint.
const (
	maxHeader = 64 << 20 // one safetensors header
	maxHeads  = 256 << 20
	maxFiles  = 4096
	probe     = 16 << 10 // what is read of a file before its header's length is known
)

const indexName = "model.safetensors.index.json"

// readWeights reads the headers of the files that loading would open, by the same rules (see weights.OpenDir and package qwen): the
// trunk's, then the first file of a head, whose tensors take the place of those of a head among the trunk's.
func (in *inspection) readWeights() error {
	where, trunk, err := in.trunkFiles()
	if err != nil {
		return err
	}
	if len(trunk) > maxFiles {
		return fmt.Errorf("%d files of weights exceed the limit of %d", len(trunk), maxFiles)
	}
	for _, name := range trunk {
		list, err := in.header(name)
		if err != nil {
			return err
		}
		for _, t := range list {
			if home, ok := where[t.Name]; ok && home != name {
				continue
			}
			if old, dup := in.tensors[t.Name]; dup {
				return fmt.Errorf("tensor %q is in %s and in %s", clip(t.Name), old.File, name)
			}
			in.tensors[t.Name] = t
		}
	}
	for _, name := range slices.Sorted(maps.Keys(where)) {
		if _, ok := in.tensors[name]; !ok {
			return fmt.Errorf("the index puts tensor %q into %s, which does not hold it", clip(name), where[name])
		}
	}
	return in.readHead(trunk)
}

// trunkFiles lists the trunk's files, and where an index puts each tensor.
func (in *inspection) trunkFiles() (where map[string]string, files []string, err error) {
	index, err := in.small(indexName)
	switch {
	case err == nil:
		if where, err = weights.ParseIndex(index); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", indexName, err)
		}
		set := map[string]bool{}
		for _, f := range where {
			set[f] = true
		}
		return where, slices.Sorted(maps.Keys(set)), nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, err
	}
	if _, ok := in.files["model.safetensors"]; ok {
		return nil, []string{"model.safetensors"}, nil
	}
	files, err = shards(in.r.ModelFiles)
	return nil, files, err
}

var shardName = regexp.MustCompile(`^model-(\d{5})-of-(\d{5})\.safetensors$`)

// shards picks a complete run of numbered files.
func shards(files []string) (out []string, err error) {
	of := ""
	for _, f := range files {
		m := shardName.FindStringSubmatch(f)
		if m == nil {
			continue
		}
		if of != "" && of != m[2] {
			return nil, fmt.Errorf("shards of different runs: %s and %s", out[0], f)
		}
		of = m[2]
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, errors.New("there is no model.safetensors, index or shard: not a safetensors checkpoint, or not downloaded yet")
	}
	slices.Sort(out)
	for i, f := range out {
		if want := fmt.Sprintf("model-%05d-of-%s.safetensors", i+1, of); f != want {
			return nil, fmt.Errorf("%s is missing: the download is incomplete", want)
		}
	}
	if n := fmt.Sprintf("%05d", len(out)); n != of {
		return nil, fmt.Errorf("%s of %s shards are there: the download is incomplete", n, of)
	}
	return out, nil
}

// readHead reads the file of a head, if there is one with a head in it.
func (in *inspection) readHead(trunk []string) error {
	candidates, named := headFiles, false
	if v := lookup(in.root, "mlx_lm_extra_tensors.mtp_file"); v.Exists() {
		if _, ok := in.files[v.Str]; v.Type != gjson.String || !ok {
			return fmt.Errorf("%s, named by mlx_lm_extra_tensors.mtp_file, is not there", clip(v.Raw))
		}
		candidates, named = []string{v.Str}, true
	}
	for _, name := range candidates {
		if _, ok := in.files[name]; !ok || slices.Contains(trunk, name) {
			continue
		}
		list, err := in.header(name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(t weights.Tensor) bool { return isHead(t.Name) }) {
			if named {
				return fmt.Errorf("%s, named by mlx_lm_extra_tensors.mtp_file, holds no MTP tensor", name)
			}
			continue
		}
		maps.DeleteFunc(in.tensors, func(n string, _ weights.Tensor) bool { return isHead(n) })
		for _, t := range list {
			in.tensors[t.Name] = t
		}
		return nil
	}
	return nil
}

func isHead(name string) bool {
	return slices.ContainsFunc(headPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// header reads the tensors that a safetensors file lists, and counts its bytes.
func (in *inspection) header(name string) ([]weights.Tensor, error) {
	size, ok := in.files[name]
	if !ok {
		return nil, fmt.Errorf("%s is not there: the download is incomplete", name)
	}
	list, n, err := readHeader(in.ctx, in.src, name, size)
	if err != nil {
		return nil, err
	}
	if in.headers += n; in.headers > maxHeads {
		return nil, fmt.Errorf("the headers of all files exceed %d bytes", maxHeads)
	}
	in.weights += size - 8 - n
	return list, nil
}

func readHeader(ctx context.Context, src Source, name string, size int64) (tensors []weights.Tensor, read int64, err error) {
	if size < 8 {
		return nil, 0, fmt.Errorf("%s: %d bytes are too few for a safetensors header: truncated", name, size)
	}
	first, err := src.ReadAt(ctx, name, 0, min(size, probe))
	if err != nil {
		return nil, 0, &unread{err}
	}
	n := binary.LittleEndian.Uint64(first)
	switch {
	case n > uint64(size-8):
		return nil, 0, fmt.Errorf("%s: a header of %d bytes does not fit a file of %d: truncated, or not a safetensors file", name, n, size)
	case n > maxHeader:
		return nil, 0, fmt.Errorf("%s: a header of %d bytes exceeds the limit of %d", name, n, maxHeader)
	}
	head := first[8:]
	if have := int64(len(head)); have < int64(n) {
		rest, err := src.ReadAt(ctx, name, 8+have, int64(n)-have)
		if err != nil {
			return nil, 0, &unread{err}
		}
		head = slices.Concat(head, rest)
	}
	tensors, err = weights.ParseHeader(name, head[:n], uint64(size)-8-n)
	return tensors, int64(n), err
}
