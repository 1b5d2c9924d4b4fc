package v1_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
)

// serve serves the API below /xmpp, with tokens that have the name of what they may do.
func serve(o v1.Options) http.Handler {
	var tokens []httpapi.Token
	for name, scopes := range map[string]string{
		"sender": "send", "asker": "query", "all": "send query admin", "none": "", "admin": "admin", "events": "events", "roster": "roster", "reader": "read", "bound": "send", "roomer": "rooms", "opsonly": "rooms send", "small": "send",
	} {
		t := httpapi.Token{Name: name, Hash: sha256.Sum256([]byte(name)), Scopes: strings.Fields(scopes)}
		if name == "small" {
			t.MaxFile = 10
		}
		if name == "bound" {
			g, err := jid.ParseGlob("alice@bot.example.com")
			if err != nil {
				panic(err)
			}
			t.From, t.DefaultFrom = []jid.Glob{g}, jid.MustParse("alice@bot.example.com")
		}
		if name == "opsonly" {
			g, err := jid.ParseGlob("ops@*")
			if err != nil {
				panic(err)
			}
			t.Rooms = []jid.Glob{g}
		}
		tokens = append(tokens, t)
	}
	s := httpapi.New(httpapi.Options{Tokens: tokens, BasePath: "/xmpp"}, v1.New(o))
	return conform.Must(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/xmpp"+r.URL.Path, ""
		s.ServeHTTP(w, r)
	}))
}

// ask makes a request; headers are name, value pairs.
func ask(h http.Handler, token, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// isProblem checks a refusal: its status, and a part of its text.
func isProblem(t *testing.T, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	var p struct {
		Detail string
		Status int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Status != status || !strings.Contains(p.Detail, text) ||
		strings.Contains(w.Body.String(), "disk") || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s\nwant %d …%s…", w.Code, w.Body, status, text)
	}
	if retry := w.Header().Get("Retry-After") != ""; retry != (status == 503 || status == 507) {
		t.Errorf("%d: Retry-After: %v", status, retry)
	}
}

func equalJSON(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || !reflect.DeepEqual(a, b) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
}
