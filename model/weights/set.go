package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/gjson"
)

// indexFile maps tensor names to shards; maxSmall bounds it and every other file read whole.
const (
	indexFile = "model.safetensors.index.json"
	maxSmall  = 256 << 20
)

// Set is an open checkpoint: its tensors by name, and its other files. See the package comment
// for what may be used when.
type Set struct {
	name    string
	store   store
	tensors map[string]Tensor
	names   []string

	// shared with the sidecars opened from this set, which live as long as it does
	mapped *mappings
}

// mappings are the files of a checkpoint that are in memory, by name.
type mappings struct {
	mu     sync.Mutex
	data   map[string][]byte
	unmaps []func() error
	files  [][]byte // those of data that are mapped from files
}

// store finds a checkpoint's files. The names it is given are local, slash-separated and clean.
type store interface {
	// read returns a small file; the error wraps fs.ErrNotExist when there is none.
	read(name string) ([]byte, error)
	// open returns a whole file as a view, and what releases it.
	open(name string) (data []byte, release func() error, err error)
	exists(name string) bool
	list() ([]string, error)
}

// OpenDir opens the checkpoint in a directory: the shards that model.safetensors.index.json names,
// else model.safetensors, else a complete run of model-0000i-of-0000n.safetensors. Files may be
// symbolic links (the Hugging Face cache is made of them). Other weight files, such as a head's,
// are opened by Sidecar.
func OpenDir(dir string) (*Set, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open checkpoint: %s is a file: give the directory that holds config.json", dir)
	}
	return openSet(dir, dirStore(dir))
}

// OpenMemory opens a checkpoint whose files are in memory, by their names in a directory. The
// bytes are used in place and must not change while the Set lives; name is for errors.
func OpenMemory(name string, files map[string][]byte) (*Set, error) {
	return openSet(name, memoryStore(files))
}

func openSet(name string, st store) (*Set, error) {
	s := &Set{name: name, store: st, tensors: map[string]Tensor{}, mapped: &mappings{data: map[string][]byte{}}}
	if err := s.openTrunk(); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open checkpoint %s: %w", name, err)
	}
	s.names = slices.Sorted(maps.Keys(s.tensors))
	return s, nil
}

func (s *Set) openTrunk() error {
	where, files, err := s.readIndex()
	if err != nil {
		return err
	}
	if files == nil {
		if files, err = s.findFiles(); err != nil {
			return err
		}
	}
	for _, file := range files {
		ts, err := s.open(file)
		if err != nil {
			return err
		}
		for _, t := range ts {
			if home, ok := where[t.Name]; ok && home != file {
				continue // the index says which of two copies counts
			}
			if old, dup := s.tensors[t.Name]; dup {
				return t.errorf("is also in %s: remove one of the files", old.File)
			}
			s.tensors[t.Name] = t
		}
	}
	for _, name := range slices.Sorted(maps.Keys(where)) {
		if _, ok := s.tensors[name]; !ok {
			return fmt.Errorf("%s: tensor %q is not in %s, which should hold it: download both again", indexFile, clip(name), where[name])
		}
	}
	return nil
}

// readIndex returns which file each tensor is in, and the files; nil when there is no index.
func (s *Set) readIndex() (where map[string]string, files []string, err error) {
	data, err := s.store.read(indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	where, err = parseIndex(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	seen := map[string]bool{}
	for _, f := range where {
		seen[f] = true
	}
	files = slices.Sorted(maps.Keys(seen))
	for _, f := range files {
		if !s.store.exists(f) {
			return nil, nil, fmt.Errorf("%s names %s, which is not there: the download is incomplete", indexFile, f)
		}
	}
	return where, files, nil
}

// ParseIndex reads an index, {"weight_map": {tensor: file}}, whose files are all inside the checkpoint's directory.
func ParseIndex(data []byte) (map[string]string, error) { return parseIndex(data) }

func parseIndex(data []byte) (map[string]string, error) {
	if err := CheckJSON(data); err != nil {
		return nil, err
	}
	var m gjson.Result
	// Not gjson.Get, whose path syntax gives dots and wildcards a meaning.
	gjson.ParseBytes(data).ForEach(func(k, v gjson.Result) bool {
		if k.Str == "weight_map" {
			m = v
		}
		return true
	})
	if !m.IsObject() {
		return nil, errors.New("weight_map is missing or not an object")
	}
	where := map[string]string{}
	var err error
	m.ForEach(func(k, v gjson.Result) bool {
		if v.Type != gjson.String {
			err = fmt.Errorf("tensor %q: file is %s, not a string", clip(k.Str), clip(v.Raw))
		} else if err = checkLocal(v.Str); err != nil {
			err = fmt.Errorf("tensor %q: %w", clip(k.Str), err)
		}
		where[k.Str] = v.Str
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	if len(where) == 0 {
		return nil, errors.New("weight_map is empty")
	}
	return where, nil
}

// checkLocal refuses names that could reach outside the checkpoint on any operating system.
func checkLocal(name string) error {
	switch {
	case name == "" || name == ".":
		return errors.New("file name is empty")
	case strings.ContainsAny(name, "\\:\x00"):
		return fmt.Errorf("file name %q has a character that no published checkpoint needs", clip(name))
	case !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name:
		return fmt.Errorf("file name %q leaves the checkpoint's directory or is not in its shortest form", clip(name))
	}
	return nil
}

var shardName = regexp.MustCompile(`^model-(\d{5})-of-(\d{5})\.safetensors$`)

// findFiles chooses the trunk's files when no index does.
func (s *Set) findFiles() ([]string, error) {
	if s.store.exists("model.safetensors") {
		return []string{"model.safetensors"}, nil
	}
	names, err := s.store.list()
	if err != nil {
		return nil, err
	}
	var shards []string
	total := ""
	for _, n := range names {
		m := shardName.FindStringSubmatch(n)
		if m == nil {
			continue
		}
		if total != "" && m[2] != total {
			return nil, fmt.Errorf("shards of different runs: %s and %s; keep one run", shards[0], n)
		}
		total = m[2]
		shards = append(shards, n)
	}
	if len(shards) == 0 {
		return nil, errors.New("no model.safetensors, index or shards: not a safetensors checkpoint, or not downloaded yet")
	}
	slices.Sort(shards)
	for i, n := range shards {
		if want := fmt.Sprintf("model-%05d-of-%s.safetensors", i+1, total); n != want {
			return nil, fmt.Errorf("%s is missing: the download is incomplete", want)
		}
	}
	if want := fmt.Sprintf("%05d", len(shards)); want != total {
		return nil, fmt.Errorf("%s of %s shards are there: the download is incomplete", want, total)
	}
	return shards, nil
}

// open maps a file, once, and returns its tensors.
func (s *Set) open(file string) ([]Tensor, error) {
	if err := checkLocal(file); err != nil {
		return nil, err
	}
	m := s.mapped
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.data[file]
	if !ok {
		var release func() error
		var err error
		if data, release, err = s.store.open(file); err != nil {
			return nil, err
		}
		m.data[file] = data
		if release != nil {
			m.unmaps = append(m.unmaps, release)
			m.files = append(m.files, data)
		}
	}
	return parseSafetensors(file, data)
}

// Sidecar opens one more weight file of the checkpoint as a Set of its own, whose tensors may bear
// the same names. It shares the checkpoint's mappings and ends with it; closing it does nothing.
func (s *Set) Sidecar(file string) (*Set, error) {
	ts, err := s.open(file)
	if err != nil {
		return nil, fmt.Errorf("open sidecar of %s: %w", s.name, err)
	}
	out := &Set{name: s.name, store: s.store, tensors: make(map[string]Tensor, len(ts))}
	for _, t := range ts {
		out.tensors[t.Name] = t
	}
	out.names = slices.Sorted(maps.Keys(out.tensors))
	return out, nil
}

// Name is the directory, or the name given to OpenMemory.
func (s *Set) Name() string { return s.name }

// Names lists the tensors, sorted. The slice is shared and must not be changed.
func (s *Set) Names() []string { return s.names }

// Tensor returns the tensor of that name.
func (s *Set) Tensor(name string) (Tensor, bool) {
	t, ok := s.tensors[name]
	return t, ok
}

// HasFile tells whether the checkpoint has a regular file of that name.
func (s *Set) HasFile(name string) bool { return checkLocal(name) == nil && s.store.exists(name) }

// File returns a small file, such as config.json or tokenizer.json, of at most 256 MB. The error
// wraps fs.ErrNotExist when there is none. The bytes must not be changed.
func (s *Set) File(name string) ([]byte, error) {
	if err := checkLocal(name); err != nil {
		return nil, fmt.Errorf("read file of %s: %w", s.name, err)
	}
	data, err := s.store.read(name)
	if err != nil {
		return nil, fmt.Errorf("read file of %s: %w", s.name, err)
	}
	return data, nil
}

// Drop tells the system that the weights will not be read again soon, as when a device has its own
// copy of them: the files' pages leave this process's memory and come back when they are touched.
// Checkpoints in memory keep theirs. It may run beside readers.
func (s *Set) Drop() {
	if s.mapped == nil {
		return
	}
	s.mapped.mu.Lock()
	defer s.mapped.mu.Unlock()
	for _, data := range s.mapped.files {
		dropPages(data)
	}
}

// Close unmaps the files. Nothing that came from the Set may be used afterwards.
func (s *Set) Close() error {
	if s.mapped == nil {
		return nil
	}
	s.mapped.mu.Lock()
	defer s.mapped.mu.Unlock()
	var err error
	for _, f := range s.mapped.unmaps {
		err = errors.Join(err, f())
	}
	s.mapped.unmaps, s.mapped.files, s.mapped.data = nil, nil, map[string][]byte{}
	s.tensors, s.names = nil, nil
	return err
}
