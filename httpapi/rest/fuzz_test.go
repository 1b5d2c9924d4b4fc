package rest_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"stanzahook/httpapi/rest/conformance"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// fuzzTypes are the content types of FuzzPost; the last is none we take.
var fuzzTypes = []string{xmlType, jsonType, "application/x-www-form-urlencoded", "text/plain", "", "image/png"}

// FuzzPost checks that no request makes the surface fail, that whatever is sent
// is one stanza from us to somebody, and that every answer is well-formed.
func FuzzPost(f *testing.F) {
	cases, err := conformance.Read(os.DirFS("testdata/conformance"))
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		for i, name := range fuzzTypes {
			if c.Header.Get("Content-Type") == name {
				f.Add(c.Method == http.MethodGet, strings.TrimPrefix(c.Path, "/rest"), c.Body, byte(i), byte(len(c.Body)))
			}
		}
	}
	for i := range byte(len(fuzzTypes)) {
		f.Add(false, "/iq/disco/%00", `<iq type='set' to='x'><![CDATA[y]]><q xmlns='jabber:client'/></iq>`, i, i)
		f.Add(false, "/p1/unavailable//x", `{"to":"ß@ﬁ.example","from":"x@bot.example.com/é","id":"'\"<>","lang":"x"}`, i, i)
		f.Add(true, "/archive/?ids=a,b&with=%ff", "", i, i)
	}
	f.Fuzz(func(t *testing.T, get bool, path, body string, contentType, accept byte) {
		u, err := url.Parse("http://localhost/rest" + path)
		if err != nil || u.Host != "localhost" || !strings.HasPrefix(u.Path, "/rest") {
			t.Skip()
		}
		n := &gatewaytest.Network{}
		r := httptest.NewRequest(http.MethodPost, "/rest", strings.NewReader(body))
		if get {
			r = httptest.NewRequest(http.MethodGet, "/rest", nil)
		}
		r.URL = u
		r.Header.Set("Authorization", "Bearer all")
		if name := fuzzTypes[int(contentType)%len(fuzzTypes)]; name != "" {
			r.Header.Set("Content-Type", name)
		}
		if i := int(accept) % 4; i > 0 {
			r.Header.Set("Accept", fuzzTypes[i-1])
		}
		w := httptest.NewRecorder()
		surface(n).ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		echo := u.Path == "/rest/echo"
		if w.Code >= 400 && len(n.Sent()) > 0 || w.Code < 300 && !echo && len(n.Sent()) != 1 || echo && len(n.Sent()) > 0 {
			t.Fatalf("%d and %d stanzas sent", w.Code, len(n.Sent()))
		}
		wellFormed(t, w)
		for _, s := range n.Sent() {
			checkSent(t, s)
		}
	})
}

// wellFormed checks that an answer can be read in the format it claims.
func wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.String()
	var err error
	switch media := w.Header().Get("Content-Type"); media {
	case xmlType:
		err = xml.Unmarshal([]byte(body), new(struct{ XMLName xml.Name }))
		if err == nil && w.Code < 300 {
			_, err = stanza.Parse(body, stanza.Limits{})
		}
	case jsonType, "application/problem+json":
		err = json.Unmarshal([]byte(body), new(map[string]any))
	case "application/x-www-form-urlencoded":
		_, err = url.ParseQuery(body)
	default:
		if body != "" {
			t.Fatalf("%d %s: %q", w.Code, media, body)
		}
	}
	if err != nil {
		t.Fatalf("%d %s: %v", w.Code, body, err)
	}
}

func checkSent(t *testing.T, s *stanza.Stanza) {
	t.Helper()
	again, err := stanza.Parse(s.XML(), stanza.Limits{})
	if err != nil {
		t.Fatalf("sent %q: %v", s.XML(), err)
	}
	if again.From.Domain() != "bot.example.com" || again.To.IsZero() || again.ID == "" || again.Header != s.Header {
		t.Fatalf("sent %q", s.XML())
	}
	if _, err := jid.Parse(again.To.String()); err != nil {
		t.Fatalf("sent %q: %v", s.XML(), err)
	}
	if again.ClaimsPrivilege() {
		t.Fatalf("sent a privilege: %q", s.XML())
	}
}
