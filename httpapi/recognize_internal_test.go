package httpapi

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Whom the head of a request shows to be a stranger, the server refuses in the same way when it has
// read the whole; and who has a right secret, token or open path is none.
func TestRecognize(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	route := func(path string) []Route { return []Route{{Method: "POST", Path: path, Handler: ok}} }
	tokens := []Token{{Name: "t", Hash: sha256.Sum256([]byte("right"))}}
	recognized, served := 0, 0
	for _, o := range []Options{{}, {BasePath: "/base"}, {NoAuth: true}, {Elsewhere: ok}} {
		o.Tokens, o.Open = tokens, append(route("/open/{x}"), route("/v1/open")...)
		h := New(o, besiegedDoor(), Mount{Prefix: "/v1", Challenge: true, Routes: route("/v1/x")}, Mount{Prefix: "/v1/more", Routes: route("/v1/more/x")},
			Mount{Prefix: "/old", Routes: route("/old/x"), Fail: func(w http.ResponseWriter, _ *http.Request, f *Fault) { w.WriteHeader(f.Status) }})
		for _, base := range []string{"", "/base"} {
			for _, path := range []string{"/", "*", "/door", "/doors", "/door/right", "/door/wrong", "/door/right/x", "/v1", "/v1/", "/v1/x", "/v1//x", "/v1/more/x", "/v1/open", "/v1/nothing", "/old/x", "/old%2Fx", "/open", "/open/1", "/open/1/2", "/healthz", "/readyz/", "/nothing"} {
				for _, header := range [][2]string{{"X", "y"}, {"Authorization", "Bearer right"}, {"Authorization", "bearer  right "}, {"Authorization", "Bearer wrong"}, {"Authorization", "Basic dDpyaWdodA=="}, {"Authorization", "Basic dDp3cm9uZw=="}, {"Authorization", "Basic ?"}, {"Authorization", ""}, {"Authorization", "Digest x"}, {"Signed", "x"}} {
					for _, method := range []string{"POST", "GET", "OPTIONS"} {
						what := fmt.Sprint(base, path, header, method, o.NoAuth, o.Elsewhere != nil)
						target := base + path
						if path == "*" {
							target = path
						}
						r := httptest.NewRequest(method, target, nil)
						r.Header.Set(header[0], header[1])
						why := h.recognize(r)
						before := h.Strangers().Answered
						w := httptest.NewRecorder()
						h.ServeHTTP(w, r)
						switch refused := h.Strangers().Answered > before; {
						case why == nil && refused:
							// It takes more than the head, or there is a path for it.
						case why == nil:
							served++
						case !refused:
							t.Errorf("%s: %d, though it was recognized: %d", what, w.Code, why.status)
						case w.Code != why.status && w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed: // the route is not looked up
							t.Errorf("%s: %d, but recognized: %d", what, w.Code, why.status)
						default:
							recognized++
							late, _ := h.late(r, why)
							if w.Code == why.status && len(late) == 0 {
								t.Errorf("%s: no answer", what)
							}
						}
						h.live.strangers = newStrangers()
					}
				}
			}
		}
	}
	if recognized < 500 || served < 500 {
		t.Errorf("%d were recognized, and %d served", recognized, served)
	}
}
