package httpapi_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

func glob(t *testing.T, text string) jid.Glob {
	t.Helper()
	g, err := jid.ParseGlob(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A request that waits ends when the right of its caller does, and no other.
func TestHold(t *testing.T) {
	from := jid.MustParse("a@bot.example.com")
	token := func(name, secret string, scopes []string, from ...jid.Glob) httpapi.Token {
		return httpapi.Token{Name: name, Hash: sha256.Sum256([]byte(secret)), Scopes: scopes, From: from}
	}
	events := []string{"events"}
	for _, c := range []struct {
		name   string
		after  httpapi.Options
		known  bool // by Basic
		basic  bool // the request came with it
		status int  // 0: it goes on
	}{
		{"nothing changes", httpapi.Options{Tokens: []httpapi.Token{token("a", "x", events)}}, true, false, 0},
		{"it has another name", httpapi.Options{Tokens: []httpapi.Token{token("b", "x", events)}}, true, false, 0},
		{"it may more", httpapi.Options{Tokens: []httpapi.Token{token("a", "x", []string{"send", "events"}, glob(t, "*@bot.example.com"))}}, true, false, 0},
		{"everybody may", httpapi.Options{NoAuth: true}, true, false, 0},
		{"it is gone", httpapi.Options{}, true, false, 401},
		{"another has its name", httpapi.Options{Tokens: []httpapi.Token{token("a", "y", events)}}, true, false, 401},
		{"it has lost the scope", httpapi.Options{Tokens: []httpapi.Token{token("a", "x", []string{"send"})}}, true, false, 403},
		{"it has lost the address", httpapi.Options{Tokens: []httpapi.Token{token("a", "x", events, glob(t, "b@bot.example.com"))}}, true, false, 403},
		{"Basic knows him", httpapi.Options{}, true, true, 0},
		{"Basic knows him no more", httpapi.Options{}, false, true, 401},
	} {
		for _, late := range []bool{false, true} { // whether the change comes between the authentication and the waiting
			t.Run(c.name, func(t *testing.T) {
				inside, enter := make(chan struct{}), make(chan struct{})
				waits, goOn := make(chan struct{}), make(chan struct{})
				m := mountOf(func(w http.ResponseWriter, r *http.Request) {
					close(inside)
					<-enter
					ctx, release := httpapi.Hold(r.Context(), func(id httpapi.Identity) *httpapi.Fault {
						if _, err := id.Sender(from, []jid.JID{from}); err != nil {
							return &httpapi.Fault{Status: 403, Text: "from"}
						}
						return httpapi.Needs("events")(id)
					})
					defer release()
					close(waits)
					select {
					case <-ctx.Done():
						httpapi.WriteProblem(w, r, httpapi.Lost(ctx))
					case <-goOn:
						if httpapi.Lost(ctx) != nil || httpapi.Still(ctx, httpapi.Needs("events")) != nil {
							t.Error("it has lost its right, and was not told")
						}
					}
				})
				known := true
				m.Basic = func(_ *http.Request, user, _ string) (httpapi.Identity, *httpapi.Fault, bool) {
					return httpapi.Identity{Caller: gateway.Caller{Name: user, Scopes: events}}, nil, true
				}
				m.Known = func(name string) bool { return known && name == "user" }
				s := httpapi.New(httpapi.Options{Tokens: []httpapi.Token{token("a", "x", events)}}, m)
				r := httptest.NewRequest("GET", "/things/1", nil)
				if c.basic {
					r.SetBasicAuth("user", "pw")
				} else {
					r.Header.Set("Authorization", "Bearer x")
				}
				w := httptest.NewRecorder()
				done := make(chan struct{})
				go func() {
					defer close(done)
					s.ServeHTTP(w, r)
				}()
				<-inside
				change := func() {
					known = c.known
					s.Replace(httpapi.New(c.after, m))
				}
				if late {
					change()
				}
				close(enter)
				<-waits
				if !late {
					change()
				}
				if c.status == 0 {
					close(goOn)
					<-done
					return
				}
				<-done
				if w.Code != c.status || (c.status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
					t.Errorf("%d %v", w.Code, w.Header())
				}
			})
		}
	}
}
