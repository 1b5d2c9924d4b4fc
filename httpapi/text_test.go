package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
)

func TestReadText(t *testing.T) {
	for _, c := range []struct {
		name, media, coding, body string
		status                    int // 0: it is read
		want                      string
	}{
		{"UTF-8", "text/plain", "", "grün", 0, "grün"},
		{"identity", "text/plain", "identity", "x", 0, "x"},
		{"a byte order mark", "application/json", "", "\ufeff{}", 0, "{}"},
		{"ISO-8859-1", "text/plain; charset=ISO-8859-1", "", "gr\xfcn", 0, "grün"},
		{"not UTF-8", "text/plain", "", "gr\xfcn", 400, "not valid UTF-8; send UTF-8, or name the charset"},
		{"a charset that is not known", "text/plain; charset=shift_jis", "", "x", 400, `"shift_jis"`},
		{"gzip", "application/json", "gzip", "\x1f\x8b", 415, `Content-Encoding: "gzip" is not supported`},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.media)
		if c.coding != "" {
			r.Header.Set("Content-Encoding", c.coding)
		}
		w := httptest.NewRecorder()
		got, f := httpapi.ReadText(w, r, document.Plain)
		switch {
		case c.status == 0:
			if f != nil || string(got) != c.want {
				t.Errorf("%s: %q, %+v", c.name, got, f)
			}
		case f == nil || f.Status != c.status || !strings.Contains(f.Text, c.want):
			t.Errorf("%s: %q, %+v", c.name, got, f)
		case c.status == 415 && w.Header().Get("Accept-Encoding") != "identity": // RFC 9110 section 15.5.16
			t.Errorf("%s: %v", c.name, w.Header())
		}
	}
}
