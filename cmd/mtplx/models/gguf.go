package models

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/model/hub"
	"mtplx/model/inspect"
)

// splitFile takes OWNER/NAME/FILE.gguf apart; file is "" where the text ends with a model's name.
func splitFile(text string) (model, file string) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) == 3 && strings.HasSuffix(parts[2], ".gguf") {
		return parts[0] + "/" + parts[1], parts[2]
	}
	return text, ""
}

// part is the name of a piece of a GGUF file that was split; the first one has what the header says of the model.
var part = regexp.MustCompile(`-(\d{5})-of-\d{5}\.gguf$`)

// ggufFiles are the files of a revision that hold a model each, the smallest first: not later pieces of one, and not encoders of
// pictures beside it.
func ggufFiles(s *hub.Snapshot) []hub.File {
	var all []hub.File
	for _, f := range s.Files {
		m := part.FindStringSubmatch(f.Name)
		if strings.HasSuffix(f.Name, ".gguf") && (m == nil || m[1] == "00001") && !strings.Contains(f.Name, "mmproj") {
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b hub.File) int { return cmp.Compare(a.Size, b.Size) })
	return all
}

// onlyGGUF tells whether a revision has GGUF files and no weights that this engine could run.
func onlyGGUF(s *hub.Snapshot) bool {
	return len(ggufFiles(s)) > 0 && !slices.ContainsFunc(s.Files, func(f hub.File) bool { return strings.HasSuffix(f.Name, ".safetensors") })
}

// gguf judges one GGUF file of a revision: the one that is named, or the smallest. They are one model in several widths.
func gguf(ctx context.Context, client *hub.Client, s *hub.Snapshot, named string) (*inspect.Report, error) {
	files := ggufFiles(s)
	at := 0
	if named != "" {
		if at = slices.IndexFunc(s.Files, func(f hub.File) bool { return f.Name == named }); at < 0 {
			fix := "it has none"
			if len(files) > 0 {
				fix = "it has " + list(files)
			}
			return nil, command.Usage(fmt.Errorf("%s has no file %q", s.Ref.Pinned(), named), fix)
		}
		files, at = append([]hub.File{s.Files[at]}, files...), 0
	}
	f := files[at]
	r, err := inspect.InspectGGUFOf(ctx, client.Files(s), f.Name, f.Size)
	if err != nil {
		return nil, err
	}
	r.ModelDir, r.Revision = s.Ref.Pinned()+"/"+f.Name, s.Commit
	if named == "" && len(files) > 1 {
		note := fmt.Sprintf("the smallest of %d GGUF files; mtplx inspect %s/FILE looks at another: %s", len(files), s.Ref.Pinned(), list(files[1:]))
		r.Compatibility.Notes = append(r.Compatibility.Notes, note)
	}
	return r, nil
}

// mostListed is how many files a sentence names.
const mostListed = 12

func list(files []hub.File) string {
	var names []string
	for _, f := range files[:min(len(files), mostListed)] {
		names = append(names, fmt.Sprintf("%s (%s)", f.Name, sheet.Bytes(f.Size)))
	}
	if n := len(files) - mostListed; n > 0 {
		names = append(names, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, ", ")
}
