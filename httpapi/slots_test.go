package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// crowded is a handler that holds requests until the end of the test.
type crowded struct {
	server *httpapi.Handler
	inside chan struct{}
	leave  chan struct{}
	asking chan struct{} // a Basic asks somebody who does not answer
	wg     sync.WaitGroup
}

func newCrowded(t *testing.T, most int) *crowded {
	c := &crowded{inside: make(chan struct{}), leave: make(chan struct{}), asking: make(chan struct{})}
	tokens := tokensOf(map[string]string{"greedy": "query", "other": "send", "third": "send", "ops": "admin"})
	m := mountOf(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			c.inside <- struct{}{}
			<-c.leave
		}
	})
	m.Basic = func(_ *http.Request, user, password string) (httpapi.Identity, *httpapi.Fault, bool) {
		if password == "hangs" {
			c.asking <- struct{}{}
			<-c.leave
		}
		return httpapi.Identity{Caller: gateway.Caller{Name: user, Scopes: []string{"send"}}, Group: "accounts"}, nil, true
	}
	c.server = httpapi.New(httpapi.Options{Tokens: tokens, MaxConcurrent: most}, m)
	t.Cleanup(func() {
		close(c.leave)
		c.wg.Wait()
	})
	return c
}

// do makes a request; who is a token, or an account as user:password.
func (c *crowded) do(method, who string) *httptest.ResponseRecorder {
	path := "/things/1"
	if method == http.MethodPost {
		path = "/things"
	}
	return ask(c.server, method, path, who)
}

// hold makes requests that stay.
func (c *crowded) hold(n int, who string) {
	for range n {
		c.wg.Go(func() { c.do(http.MethodPost, who) })
		<-c.inside
	}
}

func (c *crowded) asks(t *testing.T, who string, status int) {
	t.Helper()
	w := c.do(http.MethodGet, who)
	if w.Code != status || (status >= 400) != (w.Header().Get("Retry-After") == "1") {
		t.Errorf("%s: %d %v %s", who, w.Code, w.Header(), w.Body)
	}
}

// One token has half of the slots, and the last ones are for the scope admin.
func TestSlotsAreShared(t *testing.T) {
	c := newCrowded(t, 100)
	c.hold(50, "greedy")
	c.asks(t, "greedy", 429)
	c.asks(t, "other", 200)
	c.hold(34, "other") // 16 are left
	c.asks(t, "other", 503)
	c.asks(t, "third", 503)
	c.asks(t, "ops", 200)
	c.hold(16, "ops")
	c.asks(t, "ops", 503)
	want := httpapi.Slots{Most: 100, Kept: 16, Share: 50, Used: 100,
		By: []httpapi.SlotsOf{{Caller: "greedy", Used: 50}, {Caller: "ops", Used: 16}, {Caller: "other", Used: 34}}, Refused: map[string]int64{"share": 1, "full": 3}}
	if got := c.server.Slots(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// All accounts together have the share of one token, and each a part of it.
func TestAccountsShareSlots(t *testing.T) {
	c := newCrowded(t, 80)
	for i := range 4 {
		name := fmt.Sprintf("u%d@example.com:pw", i)
		c.hold(10, name)
		c.asks(t, name, 429)
	}
	c.asks(t, "u5@example.com:pw", 429)
	c.asks(t, "other", 200)
	if got := c.server.Slots(); got.Used != 40 || !reflect.DeepEqual(got.By, []httpapi.SlotsOf{{Caller: "accounts", Used: 40}}) {
		t.Errorf("%+v", got)
	}
}

// A request that is not authenticated yet holds no slot.
func TestLoginsHoldNoSlots(t *testing.T) {
	c := newCrowded(t, 8)
	for i := range 50 {
		c.wg.Go(func() { c.do(http.MethodGet, fmt.Sprintf("u%d@example.com:hangs", i)) })
		<-c.asking
	}
	for _, who := range []string{"greedy", "other", "ops", "u@example.com:pw"} {
		c.asks(t, who, 200)
	}
	if used := c.server.Slots().Used; used != 0 {
		t.Errorf("%d slots are taken", used)
	}
}

// Requests from before a reload go on counting.
func TestSlotsOutliveReload(t *testing.T) {
	c := newCrowded(t, 100)
	c.hold(50, "greedy")
	old := c.server
	next := newCrowded(t, 100)
	old.Replace(next.server)
	c.server = next.server
	c.asks(t, "greedy", 429)
	c.asks(t, "other", 200)
}

// Without authentication each address has a share.
func TestSlotsOfAddresses(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	s := httpapi.New(httpapi.Options{NoAuth: true, MaxConcurrent: 8}, mountOf(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-leave
	}))
	var wg sync.WaitGroup
	do := func(address string) int {
		r := httptest.NewRequest("GET", "/things/1", nil)
		r.RemoteAddr, r.Host = address, "localhost"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	for range 4 {
		wg.Go(func() { do("127.0.0.1:1") })
		<-inside
	}
	if got := do("127.0.0.1:2"); got != 429 {
		t.Errorf("the same address: %d", got)
	}
	wg.Go(func() { do("127.0.0.2:1") })
	<-inside
	close(leave)
	wg.Wait()
}

// Callers whom another process is to judge leave slots for those that have a token, from however
// many networks they come.
func TestSlotsOfStrangersElsewhere(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	server := httpapi.New(httpapi.Options{
		Tokens: tokensOf(map[string]string{"known": "send"}), MaxConcurrent: 80, MaxBodyBytes: 1 << 10,
		Elsewhere: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				inside <- struct{}{}
				<-leave
			}
		}),
	})
	ask := func(method, address, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/v1/messages", nil)
		r.RemoteAddr = address
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		close(leave)
		wg.Wait()
	})
	for i := range 44 { // of 80, of which 16 are for operators
		wg.Go(func() { ask(http.MethodPost, fmt.Sprintf("192.0.2.%d:1", i*5), fmt.Sprint("wrong", i)) })
		<-inside
	}
	if w := ask(http.MethodGet, "198.51.100.7:1", ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a stranger more: %d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodGet, "192.0.2.1:1", "known"); w.Code != http.StatusOK {
		t.Errorf("a known token: %d %s", w.Code, w.Body)
	}
	if got := server.Slots(); got.Used != 44 || len(got.By) != 1 || got.By[0].Used != 44 {
		t.Errorf("%+v", got)
	}
}
