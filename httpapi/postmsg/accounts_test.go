package postmsg_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// post makes a request from an address and returns the answer.
func (n *network) post(credentials, address, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("hello"))
	r.Header.Set("Content-Type", "text/plain")
	user, password, _ := strings.Cut(credentials, " ")
	r.SetBasicAuth(user, password)
	r.RemoteAddr = address + ":1234"
	w := httptest.NewRecorder()
	n.handler.ServeHTTP(w, r)
	return w
}

// posts is post for somebody who must get this status.
func (n *network) posts(what string, status int, credentials, address string) {
	n.t.Helper()
	if w := n.post(credentials, address, "/msg/user"); w.Code != status {
		n.t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
	}
}

const me = "me@example.com mypassword"

// Many messages of an account cost one login.
func TestOneLoginForManyMessages(t *testing.T) {
	for setup, logins := range map[string]int{"": 1, "privilege": 1} {
		n := newNetwork(t, setup)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				n.posts("the right password", http.StatusCreated, me, "192.0.2.1")
			})
		}
		wg.Wait()
		if got := n.server.Logins(); got != logins {
			t.Errorf("%q: %d logins, want %d", setup, got, logins)
		}
	}
}

// After five wrong passwords from one address no more are tried from there.
func TestFailedLoginsAreLimited(t *testing.T) {
	n := newNetwork(t, "")
	n.posts("the right password", http.StatusCreated, me, "192.0.2.1")
	for i := range 5 {
		n.posts(fmt.Sprint("attempt ", i), http.StatusUnauthorized, fmt.Sprint("me@example.com wrong", i), "192.0.2.1")
	}
	tried := n.server.Tried()
	w := n.post("me@example.com wrong5", "192.0.2.1", "/msg/user")
	if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 60 {
		t.Errorf("the sixth for the account: %d %v", w.Code, w.Header())
	}
	if n.server.Tried() != tried {
		t.Error("the server was asked all the same")
	}
	// Who is known to be right is not locked out by others.
	n.posts("the right password, remembered", http.StatusCreated, me, "192.0.2.1")
	n.posts("another account from the same address", http.StatusUnauthorized, "nobody@example.com x", "192.0.2.1")
	n.posts("the account from another address", http.StatusUnauthorized, "me@example.com wrong6", "2001:db8::1")
}

// Nobody locks an account out for an address from which it logs in.
func TestNobodyIsLockedOut(t *testing.T) {
	n := newNetwork(t, "colon")
	n.posts("the right password", http.StatusCreated, "colon@example.com a:b:c", "192.0.2.1")
	n.guess("colon@example.com", 60)
	n.forget() // the password was right more than a minute ago
	n.posts("from elsewhere, after 50 failures", http.StatusTooManyRequests, "colon@example.com a:b:c", "192.0.2.200")
	n.posts("from where it logs in", http.StatusCreated, "colon@example.com a:b:c", "192.0.2.1")
}

// guess tries wrong passwords from many addresses at once.
func (n *network) guess(user string, times int) {
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() { n.post(fmt.Sprint(user, " wrong", i), fmt.Sprint("198.51.100.", i), "/msg/user") })
	}
	wg.Wait()
}

// Guesses that come all at once are not more guesses.
func TestGuessesAtOnce(t *testing.T) {
	n := newNetwork(t, "")
	n.guess("me@example.com", 200)
	if tried := n.server.Tried(); tried > 50 {
		t.Errorf("%d guesses from many addresses were tried, want at most 50", tried)
	}
	one := newNetwork(t, "")
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { one.post(fmt.Sprint("me@example.com wrong", i), "192.0.2.1", "/msg/user") })
	}
	wg.Wait()
	if tried := one.server.Tried(); tried > 5 {
		t.Errorf("%d guesses from one address were tried, want at most 5", tried)
	}
}

// A session that the server has ended is opened anew.
func TestServerRestarts(t *testing.T) {
	n := newNetwork(t, "")
	for i := range 3 {
		n.posts(fmt.Sprint("attempt ", i), http.StatusCreated, me, "192.0.2.1")
		n.server.Drop()
		n.server.Await("the sessions have ended", func() bool { return n.server.Open() == 0 })
	}
	if got := len(n.server.Received()); got < 3 {
		t.Errorf("%d messages came", got)
	}
}
