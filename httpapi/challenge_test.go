package httpapi_test

import (
	"strings"
	"testing"

	"stanzahook/httpapi"
)

// Credentials that are not accepted are 401 where the mount challenges, with what
// would be accepted (RFC 9110 section 11.6.1, RFC 6750 section 3.1); else 403.
func TestChallenge(t *testing.T) {
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
			w := ask(httpapi.New(httpapi.Options{Tokens: tokensOf(map[string]string{"ops": ""})}, m), "GET", "/things/1", "", "Authorization", c.authorization)
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

// Guesses do not keep out the right token, though both come from one address.
func TestRightTokenDoesNotWait(t *testing.T) {
	h := httpapi.New(httpapi.Options{Tokens: tokensOf(map[string]string{"ops": ""})}, mountOf(ok))
	for range 5 {
		if w := ask(h, "GET", "/things/1", "ops:wrong"); w.Code != 403 {
			t.Fatalf("a wrong token: %d", w.Code)
		}
	}
	if wrong, right := ask(h, "GET", "/things/1", "ops:wrong"), ask(h, "GET", "/things/1", "ops:ops"); wrong.Code != 429 || right.Code != 200 {
		t.Errorf("after five wrong ones: a wrong one %d, the right one %d", wrong.Code, right.Code)
	}
}
