package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Samples of a large file that enter a fingerprint: its beginning, which holds every name, type and shape, its
// end, and pieces between, evenly spaced.
const (
	sampleEdge   = 1 << 20
	samplePiece  = 4096
	samplePieces = 256
)

// Fingerprint names what a checkpoint computes: a hash of its small files and of samples of its weights, which
// reads a few megabytes however large the checkpoint is. Two checkpoints that differ only in a few weights
// between the samples have one fingerprint; retrained, requantised or damaged copies do not.
func (s *Set) Fingerprint() (string, error) {
	names, err := s.store.list()
	if err != nil {
		return "", fmt.Errorf("fingerprint %s: %w", s.name, err)
	}
	if nested := "mtp/weights.safetensors"; s.store.exists(nested) && !slices.Contains(names, nested) {
		names = append(names, nested)
	}
	h := sha256.New()
	for _, name := range names {
		weights := strings.HasSuffix(name, ".safetensors")
		if !weights && !strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".jinja") {
			continue
		}
		if err := s.sample(h, name, weights); err != nil {
			return "", fmt.Errorf("fingerprint %s: %s: %w", s.name, name, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// sample adds a file to a fingerprint.
func (s *Set) sample(h hash.Hash, name string, weights bool) error {
	if !weights {
		data, err := s.store.read(name)
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
		return err
	}
	data, release, err := s.store.open(name)
	if err != nil {
		return err
	}
	if release != nil {
		defer func() { _ = release() }()
	}
	fmt.Fprintf(h, "%s %d\n", name, len(data))
	if len(data) < 4*sampleEdge {
		h.Write(data)
		return nil
	}
	h.Write(data[:sampleEdge])
	h.Write(data[len(data)-sampleEdge:])
	for i := range samplePieces {
		h.Write(data[uint64(i)*uint64(len(data)-samplePiece)/samplePieces:][:samplePiece])
	}
	return nil
}
