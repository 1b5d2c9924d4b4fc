package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
)

// Path is that of the page.
const Path = "/console/"

// policy lets the page load its own files and talk to its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

//go:embed files
var embedded embed.FS

// page is the name of the file that is served at [Path].
const page = "index.html"

// Options say how the page is served.
type Options struct {
	NoAuth bool // the page asks for no token
}

// files is the console as a browser gets it.
type files struct {
	page   []byte
	assets map[string][]byte // by name, such as "vendored/uplot.js"
	hash   string            // of all assets
}

// Routes returns the routes of the console, which need no token.
func Routes(o Options) []httpapi.Route {
	f := read(o)
	var routes []httpapi.Route
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		add := func(path string, serve http.HandlerFunc) {
			routes = append(routes, httpapi.Route{Method: method, Path: path, Handler: secured(serve)})
		}
		add("/", toPage)
		add(strings.TrimSuffix(Path, "/"), redirect)
		add(Path, f.servePage)
		add(Path+"{hash}/{name:.+}", f.serveAsset)
		add(Path+"{name:.+}", notFound)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		for _, path := range []string{strings.TrimSuffix(Path, "/"), Path, Path + "{name:.+}"} {
			routes = append(routes, httpapi.Route{Method: method, Path: path, Handler: secured(notAllowed)})
		}
	}
	return routes
}

// read reads the embedded files. It panics if they are incomplete, which a test would
// have seen.
func read(o Options) *files {
	f := &files{assets: make(map[string][]byte)}
	sum := sha256.New()
	err := fs.WalkDir(embedded, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "files/")
		if name == page {
			f.page = content
			return nil
		}
		f.assets[name] = content
		sum.Write([]byte(name + "\x00"))
		sum.Write(content)
		return nil
	})
	if err != nil {
		panic(err)
	}
	f.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	f.page = bytes.ReplaceAll(f.page, []byte("{{hash}}"), []byte(f.hash))
	auth := "token"
	if o.NoAuth {
		auth = "none"
	}
	f.page = bytes.ReplaceAll(f.page, []byte("{{auth}}"), []byte(auth))
	return f
}

// secured adds the headers that every answer here has.
func secured(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next(w, r)
	})
}

// toPage sends a browser from / to the page. A program gets 404 there, with the console
// or without.
func toPage(w http.ResponseWriter, r *http.Request) {
	if !namesHTML(r.Header.Values("Accept")) {
		notFound(w, r)
		return
	}
	redirect(w, r)
}

// namesHTML reports whether Accept (RFC 9110 section 12.5.1) names text/html, as that of
// every browser does; "*/*", which programs send, does not.
func namesHTML(accept []string) bool {
	for _, one := range strings.Split(strings.Join(accept, ","), ",") {
		media, parameters, err := mime.ParseMediaType(one)
		q, weighed := parameters["q"]
		if err == nil && media == "text/html" && (!weighed || strings.Trim(q, "0.") != "") {
			return true
		}
	}
	return false
}

func redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", httpapi.Location(r.Context(), Path))
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusNotFound, Text: "there is nothing at this path"})
}

func notAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD") // RFC 9110 section 15.5.6
	httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusMethodNotAllowed, Text: "use GET, HEAD here"})
}

func (f *files) servePage(w http.ResponseWriter, _ *http.Request) {
	httpapi.WriteBody(w, http.StatusOK, mediaType(page), f.page)
}

func (f *files) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := mux.Vars(r)["name"]
	content, ok := f.assets[name]
	if !ok || mux.Vars(r)["hash"] != f.hash {
		notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	httpapi.WriteBody(w, http.StatusOK, mediaType(name), content)
}

// mediaType returns the media type of a file, whatever this machine thinks of its name.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}
