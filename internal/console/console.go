// Package console is the web console: a few static files that a browser loads
// from /_leat/ and that read the inspection API from there on. It knows no room and
// asks no service: whatever it shows, a script can read under /_leat/api/.
//
// The files are plain modern JavaScript without a build step and without foreign hosts.
// Names of streams and contents of records are written by strangers; the
// scripts put them on the page as text only, and the Content-Security-Policy
// would stop what slipped through.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// Prefix is where the console lives.
const Prefix = "/_leat/"

// policy lets the page load its own files and talk to its own origin, nothing
// else: no inline script or style, no frame around it, no form that leaves.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

//go:embed assets
var files embed.FS

// types are the content types by extension. The system's own tables are not
// asked: on some machines they call JavaScript plain text, and browsers then refuse it.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// asset is one file, ready to be sent.
type asset struct {
	body        []byte
	contentType string
	etag        string
}

// Handler serves the console below Prefix. It answers GET and HEAD for the
// files it has, 404 for all else below Prefix and 405 for other methods. Browsers keep the
// files and ask each time whether they are still good, so a new version shows at once.
func Handler() http.Handler {
	assets := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "the console is read-only", http.StatusMethodNotAllowed)
			return
		}
		a, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		header.Set("Content-Type", a.contentType)
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", a.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
	})
}

// load reads the embedded files, by the path they are served at. They are part
// of the program: one that is missing or of an unknown type is a mistake in it.
func load() map[string]asset {
	entries, err := files.ReadDir("assets")
	if err != nil {
		panic(fmt.Sprintf("console: %v", err))
	}
	assets := map[string]asset{}
	for _, e := range entries {
		body, err := files.ReadFile(path.Join("assets", e.Name()))
		if err != nil {
			panic(fmt.Sprintf("console: %v", err))
		}
		contentType, ok := types[path.Ext(e.Name())]
		if !ok {
			panic("console: no content type for " + e.Name())
		}
		sum := sha256.Sum256(body)
		assets[Prefix+strings.TrimSuffix(e.Name(), "index.html")] = asset{
			body: body, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:12]) + `"`,
		}
	}
	assets[Prefix+"index.html"] = assets[Prefix]
	return assets
}
