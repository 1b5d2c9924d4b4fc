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
