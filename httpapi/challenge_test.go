package httpapi_test

import (
	"crypto/sha256"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/httpapi"
)

// Credentials that are not accepted are 401 where the mount challenges, with what
// would be accepted (RFC 9110 section 11.6.1, RFC 6750 section 3.1); else 403.
func TestChallenge(t *testing.T) {
	tokens := []httpapi.Token{{Name: "ops", Hash: sha256.Sum256([]byte("x"))}}
	for _, c := range []struct {
		authorization string
		challenges    string // of the mount that has them
		otherwise     int
	}{
		{"Bearer y", `Bearer realm="stanzahook", error="invalid_token"`, 403},
		{"bearer ", `Bearer realm="stanzahook", error="invalid_token"`, 403},
		{"Basic b3BzOnk=", `Basic realm="stanzahook", charset="UTF-8" | Bearer realm="stanzahook"`, 403},
		{"Digest y", `Basic realm="stanzahook", charset="UTF-8" | Bearer realm="stanzahook"`, 401},
		{"", `Basic realm="stanzahook", charset="UTF-8" | Bearer realm="stanzahook"`, 401},
	} {
		for _, challenge := range []bool{true, false} {
			m := mountOf(ok)
			m.Challenge = challenge
			r := httptest.NewRequest("GET", "/things/1", nil)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			w := httptest.NewRecorder()
			httpapi.New(httpapi.Options{Tokens: tokens}, m).Handler().ServeHTTP(w, r)
			want := c.otherwise
			if challenge {
				want = 401
			}
			got := strings.Join(w.Header().Values("WWW-Authenticate"), " | ")
			if w.Code != want || want == 401 && got != c.challenges || want == 403 && got != "" {
				t.Errorf("%q, challenge %v: %d %q", c.authorization, challenge, w.Code, got)
			}
		}
	}
}

// Who guesses keeps nobody out who has the right token, though both come from one
// address.
func TestRightTokenDoesNotWait(t *testing.T) {
	h := httpapi.New(httpapi.Options{Tokens: []httpapi.Token{{Name: "ops", Hash: sha256.Sum256([]byte("x"))}}, Failures: &httpapi.Failures{}}, mountOf(ok)).Handler()
	get := func(token string) int {
		r := httptest.NewRequest("GET", "/things/1", nil)
		r.SetBasicAuth("ops", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for range 5 {
		if got := get("y"); got != 403 {
			t.Fatalf("a wrong token: %d", got)
		}
	}
	if wrong, right := get("y"), get("x"); wrong != 429 || right != 200 {
		t.Errorf("after five wrong ones: a wrong one %d, the right one %d", wrong, right)
	}
}
