package httpapi_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"

	"stanzahook/httpapi"
)

// A mount with one route, for callers with a token. [httpapi.NewServer] would listen for
// the handler.
func Example() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpapi.WriteJSON(w, http.StatusOK, map[string]string{"hello": httpapi.IdentityOf(r.Context()).Name})
	})
	h := httpapi.New(
		httpapi.Options{Tokens: []httpapi.Token{{Name: "app", Hash: sha256.Sum256([]byte("a secret"))}}},
		httpapi.Mount{Prefix: "/hello", Routes: []httpapi.Route{{Method: http.MethodGet, Path: "/hello", Handler: hello}}},
	)
	for _, token := range []string{"a secret", "a guess"} {
		r := httptest.NewRequest(http.MethodGet, "/hello", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 application/json
	// 403 application/problem+json
}
