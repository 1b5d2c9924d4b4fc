package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/rest"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/secret"
)

// The secret of a component can be guessed five times a minute from one address,
// and no answer tells which components there are.
func TestGuessingSecrets(t *testing.T) {
	h := httpapi.New(httpapi.Options{}, rest.New(rest.Options{
		Secrets: map[string]secret.String{"bot.example.com": secret.New("secret")},
		Sender:  &gatewaytest.Network{},
	}))
	post := func(domain, password, address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/rest/echo", strings.NewReader("<message to='u@example.com'/>"))
		r.Header.Set("Content-Type", "application/xmpp+xml")
		r.Header.Set("X-Request-Id", "x") // it is in the answers
		r.SetBasicAuth(domain, password)
		r.RemoteAddr = address + ":1"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	spellings := []string{"bot.example.com", "BOT.example.com", "bot.example.COM", "bot.example.com", "Bot.Example.Com", "bot.example.com"}
	for i, spelling := range spellings {
		ours := post(spelling, fmt.Sprint("guess", i), "192.0.2.1")
		other := post("nobody"+spelling[len("bot"):], fmt.Sprint("guess", i), "192.0.2.1")
		if ours.Code != other.Code || ours.Body.String() != other.Body.String() || fmt.Sprint(ours.Header()) != fmt.Sprint(other.Header()) {
			t.Errorf("%d: the answers differ:\n%d %s\n%d %s", i, ours.Code, ours.Body, other.Code, other.Body)
		}
		if want := map[bool]int{true: 403, false: 429}[i < 5]; ours.Code != want || (want == 429) != (ours.Header().Get("Retry-After") != "") {
			t.Errorf("%d: %d %s", i, ours.Code, ours.Body)
		}
	}
	if w := post("bot.example.com", "secret", "192.0.2.1"); w.Code != 429 {
		t.Errorf("the right one, which might be a guess too: %d", w.Code)
	}
	if w := post("bot.example.com", "secret", "192.0.2.2"); w.Code != 200 {
		t.Errorf("from another address: %d %s", w.Code, w.Body)
	}
	if strings.Contains(post("bot.example.com", "wrong", "192.0.2.3").Body.String(), "component") {
		t.Error("the refusal speaks of a component")
	}
}
