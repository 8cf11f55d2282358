package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mtplx/model/weights"
)

// File is one file of a revision. Exactly one hash is set for a file that can be checked.
type File struct {
	Name   string // slash-separated, inside the model's folder
	Size   int64
	SHA256 string // of the content, for files that are stored apart (LFS)
	Blob   string // git's SHA-1 of the content with its length, for others
}

// Snapshot is a revision's list of files.
type Snapshot struct {
	Ref    Ref
	Commit string // 40 hex digits
	Files  []File // by name
}

// Size is the sum of the files' sizes in bytes.
func (s *Snapshot) Size() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

const (
	maxListing = 64 << 20
	maxFiles   = 20_000
	maxSmall   = 64 << 20 // of a JSON file that is read whole
)

var (
	sha1Pattern   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// List asks for the files of a revision.
func (c *Client) List(ctx context.Context, ref Ref) (*Snapshot, error) {
	revision := ref.Revision
	if revision == "" {
		revision = "main"
	}
	doing := "look up " + ref.Pinned()
	data, err := c.fetch(ctx, fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", c.endpoint, ref, url.PathEscape(revision)), maxListing)
	if err != nil {
		return nil, c.explain(err, doing, ref)
	}
	s, err := parseListing(data)
	if err != nil {
		return nil, &Error{Kind: ErrUnsafe, What: doing + ": the answer of " + c.origin.Host, Err: err, Fix: "check HF_ENDPOINT, or try another revision"}
	}
	s.Ref = ref
	return s, nil
}

func parseListing(data []byte) (*Snapshot, error) {
	if err := weights.CheckJSON(data); err != nil {
		return nil, err
	}
	var in struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
			Size int64  `json:"size"`
			Blob string `json:"blobId"`
			LFS  *struct {
				SHA256 string `json:"sha256"`
				OID    string `json:"oid"`
				Size   int64  `json:"size"`
			} `json:"lfs"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, err
	}
	if !commitPattern.MatchString(in.SHA) {
		return nil, fmt.Errorf("sha is %q, no commit", clip(clean(in.SHA)))
	}
	if len(in.Siblings) > maxFiles {
		return nil, fmt.Errorf("%d files are more than the limit of %d", len(in.Siblings), maxFiles)
	}
	s := &Snapshot{Commit: in.SHA}
	var total int64
	seen := map[string]string{}
	for _, f := range in.Siblings {
		out := File{Name: f.Name, Size: f.Size, Blob: f.Blob}
		if f.LFS != nil {
			out.SHA256, out.Blob = strings.TrimPrefix(f.LFS.SHA256, "sha256:"), ""
			if out.SHA256 == "" {
				out.SHA256 = strings.TrimPrefix(f.LFS.OID, "sha256:")
			}
			if f.LFS.Size != 0 {
				out.Size = f.LFS.Size
			}
			if !sha256Pattern.MatchString(out.SHA256) {
				return nil, fmt.Errorf("file %q: lfs.sha256 is %q", clip(f.Name), clip(clean(out.SHA256)))
			}
		} else if out.Blob != "" && !sha1Pattern.MatchString(out.Blob) {
			return nil, fmt.Errorf("file %q: blobId is %q", clip(f.Name), clip(clean(out.Blob)))
		}
		if err := checkName(f.Name); err != nil {
			return nil, err
		}
		// One folder on a case-insensitive disk cannot hold both.
		if other, dup := seen[strings.ToLower(f.Name)]; dup {
			return nil, fmt.Errorf("files %q and %q are the same on some disks", clip(other), clip(f.Name))
		}
		seen[strings.ToLower(f.Name)] = f.Name
		if out.Size < 0 || out.Size > math.MaxInt64-total {
			return nil, fmt.Errorf("file %q: its size is %d", clip(f.Name), out.Size)
		}
		total += out.Size
		s.Files = append(s.Files, out)
	}
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

// checkName refuses names that could leave the folder on any operating system.
func checkName(name string) error {
	if name == "" || name == "." || strings.ContainsAny(name, "\\:\x00") || clean(name) != clip(name) || len(name) > 512 ||
		!filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
		return fmt.Errorf("file name %q is not a plain path inside a folder", clip(clean(name)))
	}
	return nil
}

const indexName = "model.safetensors.index.json"

// Needed keeps the files that loading a checkpoint takes: its weights as safetensors (those that the index names, and a head's),
// its configuration, tokenizer and template. Copies in other formats, pictures and texts stay away. index may be nil.
func (s *Snapshot) Needed(index []byte) ([]File, error) {
	var indexed map[string]bool
	if index != nil {
		where, err := weights.ParseIndex(index)
		if err != nil {
			return nil, &Error{Kind: ErrUnusable, What: s.Ref.Pinned() + ": " + indexName, Err: err, Fix: "try another revision, or another model"}
		}
		indexed = map[string]bool{}
		for _, file := range where {
			indexed[file] = true
		}
	}
	var out []File
	found := false
	for _, f := range s.Files {
		if !wanted(f.Name, indexed) {
			continue
		}
		found = found || strings.HasSuffix(f.Name, ".safetensors")
		if f.SHA256 == "" && f.Blob == "" {
			return nil, fail(ErrUnsafe, "unset HF_ENDPOINT, or use a mirror that lists hashes", "%s: the hub lists no hash of %s, so it could not be checked", s.Ref.Pinned(), f.Name)
		}
		out = append(out, f)
		delete(indexed, f.Name)
	}
	for file := range indexed {
		return nil, fail(ErrUnusable, "try another revision, or tell the publisher", "%s: its index names %s, which the hub does not list", s.Ref.Pinned(), clip(file))
	}
	if !found {
		return nil, fail(ErrUnusable, "look for a version of the model that has .safetensors files", "%s holds no safetensors weights", s.Ref.Pinned())
	}
	return out, nil
}

var (
	headFiles = []string{"mtp.safetensors", "mtp/weights.safetensors", "model-mtp.safetensors", "model-mtp-head.safetensors"}
	textFiles = []string{"merges.txt", "vocab.txt", "tokenizer.model", "tiktoken.model"}
)

func wanted(name string, indexed map[string]bool) bool {
	switch path.Ext(name) {
	case ".safetensors":
		if slices.Contains(headFiles, name) {
			return true
		}
		if indexed != nil {
			return indexed[name]
		}
		return !strings.Contains(name, "/") && !strings.HasPrefix(name, "consolidated")
	case ".json", ".jinja":
		return !strings.Contains(name, "/")
	}
	return slices.Contains(textFiles, name)
}

// address is where a file of a revision is, by commit, so that it cannot change under a download.
func (c *Client) address(s *Snapshot, name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return fmt.Sprintf("%s/%s/resolve/%s/%s", c.endpoint, s.Ref, s.Commit, strings.Join(parts, "/"))
}
