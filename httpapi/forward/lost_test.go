package forward_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// breaks breaks the connection of a request when it is done, n times; then it answers.
type breaks struct {
	n, done  atomic.Int64
	conflict atomic.Bool // it says then that the first one is in progress, once
}

func (b *breaks) serve(w http.ResponseWriter, r *http.Request) {
	b.done.Add(1)
	switch {
	case b.n.Add(-1) >= 0:
		panic(http.ErrAbortHandler)
	case b.conflict.CompareAndSwap(true, false):
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusConflict)
	default:
		echo(w, r)
	}
}

// A request whose replica has died with it: it is sent again if that does no harm, once; else its
// caller learns that it may have been done.
func TestLost(t *testing.T) {
	for name, row := range map[string]struct {
		method, path, key string
		breaks            int64
		conflict          bool
		status            int
		done              int64
		text              string
	}{
		"GET":                     {"GET", "/v1/x", "", 1, false, 202, 2, ""},
		"GET, twice":              {"GET", "/v1/x", "", 9, false, 502, 2, ""},
		"POST":                    {"POST", "/v1/messages", "", 1, false, 502, 1, "or repeat requests with an Idempotency-Key"},
		"DELETE":                  {"DELETE", "/v1/x", "", 1, false, 502, 1, ""},
		"with a key":              {"POST", "/v1/messages", "k", 1, false, 202, 2, ""},
		"with a key, twice":       {"POST", "/v1/messages", "k", 9, false, 502, 2, "with the same Idempotency-Key"},
		"with a key, in progress": {"POST", "/v1/messages", "k", 1, true, 202, 3, ""},
		"a key that counts not":   {"POST", "/v1/x", "k", 1, false, 502, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			of := newRole()
			b := &breaks{}
			active := start(t, "a", of, long, route(row.method, row.path, b.serve))
			standby := start(t, "b", of, long)
			of.set("a", active.url)
			for _, reused := range []bool{false, true} { // net/http sends again by itself on a connection that it has used before
				if reused {
					b.n.Store(0)
					if a := ask(t, standby, row.method, row.path, ""); a.StatusCode != 202 {
						t.Fatal(a.StatusCode)
					}
				}
				b.n.Store(row.breaks)
				b.done.Store(0)
				b.conflict.Store(row.conflict)
				var headers []string
				if row.key != "" {
					headers = []string{"Idempotency-Key", row.key}
				}
				body := "body"
				if reused {
					body = ""
				}
				got := asks(t, standby, row.method, row.path, body, headers...)
				var a answer
				for waiting := true; waiting; {
					select {
					case a = <-got:
						waiting = false
					case <-time.After(5 * time.Millisecond):
						of.set("a", active.url) // a sign of life
					}
				}
				done := b.done.Load()
				if row.method == "GET" && reused && done > row.done { // by net/http
					done = row.done
				}
				if a.StatusCode != row.status || done != row.done || !strings.Contains(a.body, row.text) {
					t.Errorf("%d %s, done %d times", a.StatusCode, a.body, b.done.Load())
				}
				if a.StatusCode == 202 && a.body != body {
					t.Errorf("it is another request: %q", a.body)
				}
			}
		})
	}
}

// A replica that is frozen answers nothing any more when another one is active.
func TestFrozen(t *testing.T) {
	of := newRole()
	got, thaw := make(chan struct{}, 10), make(chan struct{})
	defer close(thaw)
	freeze := func(http.ResponseWriter, *http.Request) {
		got <- struct{}{}
		<-thaw
	}
	frozen := start(t, "a", of, long, route("POST", "/v1/messages", freeze))
	next := start(t, "c", of, long, route("POST", "/v1/messages", echo))
	standby := start(t, "b", of, long)
	of.set("a", frozen.url)
	keyed := asks(t, standby, "POST", "/v1/messages", "body", "Idempotency-Key", "k")
	<-got
	other := asks(t, standby, "POST", "/v1/messages", "body")
	<-got
	of.take("c", next.url)
	if a := <-keyed; a.StatusCode != 202 || a.body != "body" || a.Header.Get("Stanzahook-Replica") != "c" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := <-other; a.StatusCode != 502 || !strings.Contains(a.body, "it may have been done") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	became(t, standby, map[string]int64{"answered": 1, "lost": 1})
}

// At the end of a process what it holds is answered.
func TestStop(t *testing.T) {
	of := newRole()
	standby := start(t, "b", of, long)
	got := asks(t, standby, "POST", "/v1/messages", "body")
	held(t, standby, 1)
	standby.Stop()
	if a := <-got; a.StatusCode != 503 || !strings.Contains(a.body, "this replica stops") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}
