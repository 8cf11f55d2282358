package web

import (
	"bytes"
	"compress/gzip"
	"path"
	"regexp"
	"strings"
	"testing"
)

// weight bounds what a browser loads for both pages together, in bytes of gzip.
const weight = 60_000

func TestPagesAreThereWithTheirTypes(t *testing.T) {
	pages := Pages()
	for at, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/status": "text/html; charset=utf-8", "/web/chat.mjs": "text/javascript; charset=utf-8",
		"/web/markdown/render.mjs": "text/javascript; charset=utf-8", "/web/base.css": "text/css; charset=utf-8", "/web/icon.svg": "image/svg+xml",
	} {
		if p, ok := pages[at]; !ok || p.ContentType != want {
			t.Errorf("%s is there: %v, as %q, want %q", at, ok, p.ContentType, want)
		}
	}
	for at, p := range pages {
		if len(p.Body) == 0 || p.ContentType == "" {
			t.Errorf("%s has %d bytes of %q", at, len(p.Body), p.ContentType)
		}
		if strings.Contains(at, "testdata") || at == "/web/index.html" {
			t.Errorf("%s is served", at)
		}
	}
}

var (
	address  = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s"'` + "`" + `)]*`)
	imported = regexp.MustCompile(`(?m)^import\s[^;]*?"([^"]+)";`)
	linked   = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	inline   = regexp.MustCompile(`(?is)<style|\sstyle=|\son[a-z]+=|<script[^>]*>\s*\S+?</script>`)
	unsafe   = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|setHTML|createContextualFragment|srcdoc`)
)

// The only address in the sources is a name: that of SVG's elements.
func TestPagesNameNoOtherHost(t *testing.T) {
	for at, p := range Pages() {
		for _, a := range address.FindAllString(string(p.Body), -1) {
			if a != "http://www.w3.org/2000/svg" {
				t.Errorf("%s names %s", at, a)
			}
		}
	}
}

func TestPagesLoadOnlyWhatIsServed(t *testing.T) {
	pages := Pages()
	for at, p := range pages {
		var wants []string
		for _, m := range imported.FindAllStringSubmatch(string(p.Body), -1) {
			wants = append(wants, path.Join(path.Dir(at), m[1]))
		}
		if strings.HasPrefix(p.ContentType, "text/html") {
			for _, m := range linked.FindAllStringSubmatch(string(p.Body), -1) {
				if !strings.HasPrefix(m[1], "#") {
					wants = append(wants, m[1])
				}
			}
		}
		for _, w := range wants {
			if _, ok := pages[w]; !ok {
				t.Errorf("%s wants %s, which is not served", at, w)
			}
		}
		if strings.HasSuffix(at, "/chat.mjs") && len(wants) < 10 {
			t.Errorf("only %d imports of %s were found", len(wants), at)
		}
	}
}

// The policy would refuse inline code, and trusted types would refuse text that becomes HTML; here a fault is found
// before a browser runs.
func TestPagesHaveNoInlineCodeAndMakeNoHTML(t *testing.T) {
	for at, p := range Pages() {
		if strings.HasPrefix(p.ContentType, "text/html") {
			if m := inline.Find(p.Body); m != nil {
				t.Errorf("%s has inline code: %s", at, m)
			}
		}
		if m := unsafe.Find(p.Body); m != nil {
			t.Errorf("%s uses %s", at, m)
		}
	}
}

func TestPagesAreLight(t *testing.T) {
	total := 0
	for _, p := range Pages() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(p.Body); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		total += b.Len()
	}
	t.Logf("%d bytes compressed", total)
	if total > weight {
		t.Errorf("the pages weigh %d bytes compressed, more than %d", total, weight)
	}
}
