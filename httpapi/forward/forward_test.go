package forward_test

import (
	"bufio"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/pkg/replica"
)

const long = time.Minute // no test waits so long

func hashOf(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// A request goes on as it is, and its answer comes back as it is.
func TestPassesOn(t *testing.T) {
	of := newRole()
	active := start(t, "a", of, long, route("PUT", "/v1/{rest:.*}", echo))
	standby := start(t, "b", of, long)
	of.set("a", active.url)
	const path = "/v1/a%2Fb/%C3%BC//x@y?q=1;2&r=%zz&s"
	direct := ask(t, active, "PUT", path, "body", "X-Own", "mine", "X-Request-Id", "one")
	for _, a := range []answer{
		ask(t, standby, "PUT", path, "body", "X-Own", "mine", "X-Request-Id", "one"),
		ask(t, standby, "PUT", path, "body", "X-Own", "mine", "X-Request-Id", "one", "X-Forwarded-For", "10.1.1.1"),
	} {
		if a.StatusCode != 202 || a.body != "body" || a.Header.Get("Client") != "127.0.0.1" || a.Header.Get("Id") != "one" {
			t.Errorf("%d %q %v", a.StatusCode, a.body, a.Header)
		}
		if got, want := a.Header.Get("Asked"), strings.Replace(direct.Header.Get("Asked"), active.srv.Listener.Addr().String(), standby.srv.Listener.Addr().String(), 1); got != want {
			t.Errorf("%s, and not %s", got, want)
		}
		for _, name := range []string{"Stanzahook-Replica", "X-Request-Id", "Date"} {
			if all := a.Header.Values(name); len(all) != 1 {
				t.Errorf("%s: %q", name, all)
			}
		}
		if by := a.Header.Get("Stanzahook-Replica"); by != "a" {
			t.Errorf("%s has served it", by)
		}
	}
	if a := ask(t, standby, "PUT", "/v1/x", "", "Authorization", "Bearer wrong"); a.StatusCode != 403 || a.Header.Get("Stanzahook-Replica") != "a" {
		t.Errorf("a stranger: %d %v", a.StatusCode, a.Header)
	}
	became(t, standby, map[string]int64{"answered": 3})
}

// The address of a caller counts, but not for somebody who only says that a replica passes it on.
func TestAddressOfCaller(t *testing.T) {
	of := newRole()
	active := start(t, "a", of, long, route("GET", "/v1/x", echo))
	other := start(t, "c", of, long)
	other.SetKey([]byte("another key"))
	of.set("a", active.url)
	r, err := http.NewRequest("GET", active.url+"/v1/x", nil)
	require.NoError(t, err)
	caller := func(value string) string {
		r.RequestURI = "/v1/x"
		r.Header.Set(forwarded, value)
		return active.Caller(r).String()
	}
	var passed string
	spy := start(t, "s", newRole(), long, route("GET", "/v1/x", func(_ http.ResponseWriter, r *http.Request) { passed = r.Header.Get(forwarded) }))
	of.set("a", spy.url)
	for _, n := range []*node{start(t, "b", of, long), other} {
		ask(t, n, "GET", "/v1/x", "")
		want := "127.0.0.1"
		if n == other {
			want = "invalid IP"
		}
		if got := caller(passed); got != want {
			t.Errorf("%s for %q", got, passed)
		}
		for i, part := range strings.Fields(passed) { // no part of it can be changed
			fields := strings.Fields(passed)
			fields[i] = strings.Repeat("1", len(part))
			if got := caller(strings.Join(fields, " ")); got != "invalid IP" {
				t.Errorf("changed: %s for %q", got, fields)
			}
		}
		r.Method = "DELETE"
		if got := caller(passed); got != "invalid IP" {
			t.Errorf("of another request: %s", got)
		}
		r.Method = "GET"
	}
}

// While no replica is active a request waits, whatever it is; so it does while the active one takes no
// connection, or is not active after all: nothing was done.
func TestHeld(t *testing.T) {
	of := newRole()
	var done atomic.Int64
	active := start(t, "a", of, long, route("POST", "/v1/x", func(w http.ResponseWriter, r *http.Request) {
		done.Add(1)
		echo(w, r)
	}))
	standby, third := start(t, "b", of, long), start(t, "c", of, long)
	got := asks(t, standby, "POST", "/v1/x", "body")
	held(t, standby, 1)
	of.set("z", nowhere(t))
	of.set("c", third.url)
	of.set("c", third.url)
	of.set("a", active.url)
	if a := <-got; a.StatusCode != 202 || a.body != "body" || done.Load() != 1 {
		t.Errorf("%d %s, done %d times", a.StatusCode, a.body, done.Load())
	}
	became(t, standby, map[string]int64{"answered": 1})
}

// A replica that was a standby serves what it holds, when it is the active one.
func TestHeldUntilItIsActive(t *testing.T) {
	of := newRole()
	standby := start(t, "b", of, long)
	got := asks(t, standby, "POST", "/v1/x", "body")
	held(t, standby, 1)
	standby.handler.Replace(httpapi.New(httpapi.Options{NoAuth: true, Replica: "b", Forwarded: standby.Caller}, httpapi.Mount{Prefix: "/v1", Routes: []httpapi.Route{route("POST", "/v1/x", echo)}}))
	of.set("b", "me", func(s *replica.Serving) { s.Me, s.Advertise = true, "" })
	if a := <-got; a.StatusCode != 202 || a.body != "body" || a.Header.Get("Client") != "127.0.0.1" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// A request that is held too long is answered in the form of its API: nothing was done.
func TestHeldTooLong(t *testing.T) {
	of := newRole()
	standby := start(t, "b", of, 10*time.Millisecond)
	for path, want := range map[string]string{"/v1/x": `"detail":"no replica is active`, "/rest": "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no replica is active"} {
		if a := ask(t, standby, "POST", path, "x", "Accept", "application/xml"); a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" || !strings.Contains(a.body, want) || a.Header.Get("Stanzahook-Replica") != "b" {
			t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
	}
	of.set("a", nowhere(t))
	if a := ask(t, standby, "POST", "/v1/x", "x"); a.StatusCode != 503 || !strings.Contains(a.body, "the active replica a does not take requests") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	of.set("a", "hidden", func(s *replica.Serving) { s.Advertise = "" })
	if a := ask(t, standby, "POST", "/v1/x", "x"); a.StatusCode != 503 || !strings.Contains(a.body, "replica.advertise") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	became(t, standby, map[string]int64{"unavailable": 4})
}

// A request that was passed on is not passed on again.
func TestNeverTwice(t *testing.T) {
	of := newRole()
	active := start(t, "a", of, long, route("POST", "/v1/x", echo))
	standby := start(t, "b", of, long)
	of.set("a", active.url)
	a := ask(t, standby, "POST", "/v1/x", "x", forwarded, "whatever")
	if a.StatusCode != 503 || a.Header.Get("Stanzahook-Standby") != "b" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

// Events come when they are sent, and the stream breaks off with its replica.
func TestStream(t *testing.T) {
	of := newRole()
	send, ended := make(chan string), make(chan struct{}, 2)
	active := start(t, "a", of, long, route("GET", "/v1/x", func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case text := <-send:
				_, _ = w.Write([]byte(text))
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	standby := start(t, "b", of, long)
	of.set("a", active.url)
	for _, ends := range []func(){func() { of.take("c", nowhere(t)) }, standby.Stop} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", standby.url+"/v1/x", nil)
		r.Header.Set("Authorization", token)
		go func() { send <- "data: 1\n\n" }()
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		lines := bufio.NewScanner(resp.Body)
		for i := range 3 {
			if i > 0 {
				send <- "data: " + strconv.Itoa(i+1) + "\n\n"
			}
			if !lines.Scan() || lines.Text() != "data: "+strconv.Itoa(i+1) || !lines.Scan() {
				t.Fatalf("%q %v", lines.Text(), lines.Err())
			}
		}
		ends()
		if lines.Scan() || lines.Err() == nil {
			t.Errorf("%q %v", lines.Text(), lines.Err())
		}
		resp.Body.Close()
		<-ended // it must not get what is for the next one
		of.set("a", active.url)
	}
	became(t, standby, map[string]int64{"cut": 2})
}

// What is too large to be kept is passed on as it comes, and what takes too much memory is
// refused.
func TestLargeBody(t *testing.T) {
	of := newRole()
	streamed := route("POST", "/v1/x", echo)
	streamed.Stream = func(*http.Request) int64 { return 100 * maxBody }
	active := start(t, "a", of, long, streamed, route("POST", "/v1/small", echo))
	standby := start(t, "b", of, long)
	of.set("a", active.url)
	body := strings.Repeat("x", 50*maxBody)
	if a := ask(t, standby, "POST", "/v1/x", body); a.StatusCode != 202 || a.body != body {
		t.Errorf("%d, %d bytes", a.StatusCode, len(a.body))
	}
	r, _ := http.NewRequestWithContext(t.Context(), "POST", standby.url+"/v1/x", struct{ *strings.Reader }{strings.NewReader(body)})
	r.Header.Set("Authorization", token)
	r.ContentLength = -1
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 202 {
		t.Errorf("without a length: %v %v", resp, err)
	}
	if a := ask(t, standby, "POST", "/v1/small", strings.Repeat("x", maxBody+1)); a.StatusCode != 413 || a.Header.Get("Stanzahook-Replica") != "a" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}
