package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mtplx/model/weights"
)

// Cache is the folder in which Hugging Face's tools keep models: HUGGINGFACE_HUB_CACHE, HF_HUB_CACHE or HF_HOME/hub. It is read,
// never written.
type Cache struct{ root string }

// NewCache finds the cache that the environment names.
func NewCache(env func(string) string) *Cache {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := env(name); dir != "" {
			return &Cache{dir}
		}
	}
	if home := hubHome(env); home != "" {
		return &Cache{filepath.Join(home, "hub")}
	}
	return &Cache{}
}

// Find returns the snapshot that a reference means, if it is complete: the cache also holds what a tool fetched in part.
func (c *Cache) Find(r Ref) (*Model, error) {
	missing := fail(ErrNotFound, "run mtplx pull "+r.Pinned(), "find %s: it is not in the Hugging Face cache", r.Pinned())
	if c.root == "" {
		return nil, missing
	}
	dir := filepath.Join(c.root, "models--"+r.Owner+"--"+r.Name)
	commit := r.Revision
	if !commitPattern.MatchString(commit) {
		if commit == "" {
			commit = "main"
		}
		data, err := os.ReadFile(filepath.Join(dir, "refs", filepath.FromSlash(commit)))
		if err != nil {
			return nil, missing
		}
		if commit = strings.TrimSpace(string(data)); !commitPattern.MatchString(commit) {
			return nil, missing
		}
	}
	snap := filepath.Join(dir, "snapshots", commit)
	if !complete(snap) {
		return nil, missing
	}
	m := &Model{Ref: r, Commit: commit, Dir: snap, Cached: true}
	entries, _ := os.ReadDir(snap)
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(snap, e.Name())); err == nil && info.Mode().IsRegular() {
			m.Size += info.Size()
		}
	}
	return m, nil
}

// complete tells whether a folder has a configuration, a tokenizer and every file of weights, none of them empty.
func complete(dir string) bool {
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil && info.Mode().IsRegular() && info.Size() > 0
	}
	if !has("config.json") || !has("tokenizer.json") {
		return false
	}
	data, err := os.ReadFile(filepath.Join(dir, indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return has("model.safetensors")
	}
	if err != nil {
		return false
	}
	where, err := weights.ParseIndex(data)
	if err != nil {
		return false
	}
	for _, file := range where {
		if !has(file) {
			return false
		}
	}
	return true
}

// Find looks a model up in the store, then in the cache. The error says how to fetch it.
func Find(s *Store, c *Cache, r Ref) (*Model, error) {
	m, err := s.Find(r)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return m, err
	}
	if m, err := c.Find(r); err == nil {
		return m, nil
	}
	return nil, fail(ErrNotFound, "run mtplx pull "+r.Pinned(), "%s is neither in %s nor in the Hugging Face cache", r.Pinned(), s.root)
}
