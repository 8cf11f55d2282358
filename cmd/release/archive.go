package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"
)

// writeArchive writes a compressed tar file whose bytes depend on its arguments alone.
func writeArchive(file, root string, when time.Time, entries []entry) error {
	var b bytes.Buffer
	if err := archive(&b, root, when, entries); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func archive(w io.Writer, root string, when time.Time, entries []entry) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	header := func(h tar.Header) error {
		h.ModTime, h.Format = when, tar.FormatPAX
		h.Uname, h.Gname = "root", "root"
		return t.WriteHeader(&h)
	}
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	made := map[string]bool{".": true}
	for _, e := range sorted {
		name := path.Join(root, e.name)
		for _, dir := range parents(name) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := header(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
				return err
			}
		}
		mode := int64(0o644)
		if e.executable {
			mode = 0o755
		}
		if err := header(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(e.content))}); err != nil {
			return err
		}
		if _, err := t.Write(e.content); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// parents are the directories above a path, outermost first.
func parents(name string) []string {
	var list []string
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		list = append(list, dir)
	}
	slices.Reverse(list)
	return list
}
