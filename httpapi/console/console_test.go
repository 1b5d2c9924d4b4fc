package console_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/console"
	"stanzahook/pkg/hook"
)

// serve serves the console under a base path.
func serve(base string, o console.Options) http.Handler {
	return httpapi.New(httpapi.Options{BasePath: base, Open: console.Routes(o), NoAuth: o.NoAuth})
}

// get makes a request; headers are name, value pairs.
func get(h http.Handler, method, path string, headers ...string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://localhost"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

var linked = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// The page and everything it links to are served, with the headers, under any base path.
func TestPage(t *testing.T) {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	for _, base := range []string{"", "/xmpp/v2"} {
		h := serve(base, console.Options{})
		isSecured := func(path string, r *http.Response) {
			t.Helper()
			for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
				if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %s: %q", path, name, got)
				}
			}
			if r.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s sets a cookie", path)
			}
		}
		r := get(h, "GET", base+"/console/")
		page := text(t, r)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%d %v", r.StatusCode, r.Header)
		}
		isSecured("the page", r)
		if strings.Contains(page, "{{") || !strings.Contains(page, `name="stanzahook-auth" content="token"`) {
			t.Errorf("%s", page)
		}
		assets := linked.FindAllStringSubmatch(page, -1)
		for _, m := range assets {
			path := base + "/console/" + m[1]
			r := get(h, "GET", path)
			if r.StatusCode != 200 || r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
			}
			isSecured(path, r)
		}
		if len(assets) < 6 {
			t.Errorf("the page links to %v", assets)
		}
		other := strings.Replace(assets[0][1], "/", "0/", 1)
		for path, status := range map[string]int{"/console/nothing": 404, "/console/" + other: 404, "/console/0/main.js": 404, "/console/../console.go": 404} {
			r := get(h, "GET", base+path)
			if r.StatusCode != status {
				t.Errorf("%s: %d", path, r.StatusCode)
			}
			isSecured(path, r)
		}
		for _, path := range []string{"/console", "/console/", "/console/" + assets[0][1]} {
			r := get(h, "POST", base+path)
			if r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST %s: %d %v", path, r.StatusCode, r.Header)
			}
			isSecured("POST "+path, r)
		}
	}
	if page := text(t, get(serve("", console.Options{NoAuth: true}), "GET", "/console/")); !strings.Contains(page, `content="none"`) {
		t.Errorf("without authentication: %s", page)
	}
}

func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		method, path, accept string
		status               int
		location             string
	}{
		{"GET", "/", "text/html,application/xhtml+xml,*/*;q=0.8", 307, "/x/console/"},
		{"HEAD", "/", "text/html", 307, "/x/console/"},
		{"GET", "/", "*/*", 404, ""},
		{"GET", "/", "application/json", 404, ""},
		{"GET", "/", "text/html;q=0, */*", 404, ""},
		{"GET", "/", "", 404, ""},
		{"GET", "", "text/html", 307, "/x/console/"},
		{"GET", "/console", "", 307, "/x/console/"},
		{"HEAD", "/console/", "", 200, ""},
		{"POST", "/console/", "", 405, ""},
		{"PUT", "/console/x/main.js", "", 405, ""},
		{"POST", "/", "text/html", 405, ""},
	} {
		r := get(serve("/x", console.Options{}), c.method, "/x"+c.path, "Accept", c.accept)
		if r.StatusCode != c.status || r.Header.Get("Location") != c.location {
			t.Errorf("%s %q %q: %d %q", c.method, c.path, c.accept, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

// vendored is a file of another program.
type vendored struct{ File, Package, Version, License, Path, SHA256 string }

// What the console has of other programs is what the list says, with a license.
func TestVendored(t *testing.T) {
	var list []vendored
	data, err := os.ReadFile("vendored.json")
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	require.NoError(t, err)
	licenses, err := os.ReadFile("files/vendored/licenses.txt")
	require.NoError(t, err)
	known := []string{"licenses.txt"}
	for _, v := range list {
		content, err := os.ReadFile(filepath.Join("files/vendored", v.File))
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Errorf("%s has the SHA-256 %x", v.File, sum)
		}
		if !strings.Contains(v.File, v.Version) || !strings.Contains(string(licenses), v.Package+" "+v.Version) || v.License == "" || v.Path == "" {
			t.Errorf("%+v", v)
		}
		known = append(known, v.File)
	}
	found, err := os.ReadDir("files/vendored")
	require.NoError(t, err)
	for _, f := range found {
		if !slices.Contains(known, f.Name()) {
			t.Errorf("%s is not in vendored.json", f.Name())
		}
	}
}

// forbidden turns text into markup or script, or keeps what should be forgotten.
var forbidden = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|srcdoc|document\.write|DOMParser|createContextualFragment|setHTML|parseFromString|\beval\b|new Function|setTimeout\(['"` + "`" + `]|javascript:|\.on[a-z]+ *=|setAttribute\( *['"]on|localStorage|document\.cookie|indexedDB|import\( *[^'"]|<script|\bstyle="`)

// elsewhere is an address that the page would load or link to.
var elsewhere = regexp.MustCompile(`(?:src|href|import|fetch)\b[^\n]{0,20}https?://`)

// The console's own files put text of others into text nodes alone, and load nothing from
// elsewhere.
func TestOwnFilesMakeNoMarkup(t *testing.T) {
	files, err := filepath.Glob("files/*.*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		if !strings.HasSuffix(name, ".html") {
			for _, found := range forbidden.FindAllString(string(content), -1) {
				t.Errorf("%s has %s in it", name, found)
			}
		}
		for _, found := range elsewhere.FindAllString(string(content), -1) {
			t.Errorf("%s refers to another place: %s", name, found)
		}
	}
	for _, bad := range []string{"a.innerHTML = x", "eval(x)", "a.onclick = x", `<p style="x">`} {
		if !forbidden.MatchString(bad) {
			t.Errorf("%s is not found", bad)
		}
	}
}

// The form for hooks knows every adapter.
func TestAdapters(t *testing.T) {
	content, err := os.ReadFile("files/hook.js")
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(content), "const adapters = [")
	list, _, _ = strings.Cut(list, "]")
	known := strings.Split(strings.ReplaceAll(list, "'", ""), ", ")
	for _, name := range hook.Adapters() {
		if !slices.Contains(known, name) {
			t.Errorf("files/hook.js does not know the adapter %s", name)
		}
	}
	if len(known) != len(hook.Adapters()) {
		t.Errorf("files/hook.js has %v", known)
	}
}

// All files together, as gzip -9 makes them.
func TestSize(t *testing.T) {
	const most = 150_000
	total := 0
	err := filepath.WalkDir("files", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
		if _, err := z.Write(content); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		total += b.Len()
		return nil
	})
	if err != nil || total > most || total < 20_000 {
		t.Errorf("%d bytes, of %d (%v)", total, most, err)
	}
}
