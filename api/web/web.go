package web

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"mtplx/api"
)

//go:embed page
var files embed.FS

// types are content types by extension. The system's own table would differ between machines.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Pages are the pages and their parts, by the path at which they are served: / and /status, and parts below /web/.
func Pages() map[string]api.Page {
	pages := map[string]api.Page{}
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		t, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s has no content type", name)
		}
		at := "/web/" + strings.TrimPrefix(name, "page/")
		switch at {
		case "/web/index.html":
			at = "/"
		case "/web/status.html":
			at = "/status"
		}
		pages[at] = api.Page{ContentType: t, Body: body}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("embedded page: %v", err)) // a broken build
	}
	return pages
}
