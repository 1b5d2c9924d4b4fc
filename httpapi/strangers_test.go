package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// doorOf is a mount whose only caller has "right" in the path.
func doorOf() httpapi.Mount {
	return httpapi.Mount{Prefix: "/door", Routes: []httpapi.Route{{Method: "POST", Path: "/door/{secret}"}}, Stranger: httpapi.NewStranger("who are you?", nil),
		Admit: func(r *http.Request, path string) httpapi.Admission {
			a := httpapi.Admission{Route: "/door/{secret}"}
			if path == "/door/right" {
				a.Handler, a.Who = http.HandlerFunc(ok), httpapi.Identity{Caller: gateway.Caller{Name: "right"}}
			}
			return a
		}}
}

// knock makes a request from an address.
func knock(h http.Handler, path, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, nil)
	r.RemoteAddr = from + ":1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Strangers are answered at a bounded rate; those over it wait, as many as there are places,
// half of them for one network; the connections of others are closed. Who is known never
// waits.
func TestStrangersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httpapi.New(httpapi.Options{}, doorOf())
		const each = 3000
		var mu sync.Mutex
		closed, slowest := make(map[string]int), make(map[string]time.Duration)
		flood := func(from string) {
			for range each {
				go func() {
					start := time.Now()
					w := knock(h, "/door/wrong", from)
					mu.Lock()
					defer mu.Unlock()
					if w.Code != 401 {
						t.Errorf("%s: %d", from, w.Code)
					}
					slowest[from] = max(slowest[from], time.Since(start))
					if w.Header().Get("Connection") == "close" {
						closed[from]++
					}
				}()
			}
			synctest.Wait()
		}
		flood("192.0.2.1")
		flood("192.0.2.2")
		start := time.Now()
		if w := knock(h, "/door/right", "192.0.2.1"); w.Code != 200 || time.Since(start) != 0 {
			t.Errorf("who is known: %d after %v", w.Code, time.Since(start))
		}
		if n := h.Strangers(); n.Waiting != 2000 || n.Most != 2000 || n.Delayed != 2000 || n.Answered != 2*each {
			t.Errorf("%+v", n)
		}
		time.Sleep(10 * time.Second) // all of them are answered
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if got, want := closed["192.0.2.1"], each-1000-100; got != want {
			t.Errorf("%d connections of the first were closed, not %d", got, want)
		}
		if got, want := closed["192.0.2.2"], each-1000; got != want {
			t.Errorf("%d connections of the second were closed, not %d", got, want)
		}
		for from, took := range slowest {
			if took > 2*time.Second+10*time.Millisecond {
				t.Errorf("%s waited %v", from, took)
			}
		}
		if n := h.Strangers(); n.Waiting != 0 || int(n.Closed) != closed["192.0.2.1"]+closed["192.0.2.2"] {
			t.Errorf("%+v", n)
		}
	})
}

// Strangers that go while they wait keep their places until their turns: those behind them
// do not wait for longer than if they had stayed.
func TestStrangersThatGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httpapi.New(httpapi.Options{}, doorOf())
		for range 5 {
			ctx, gone := context.WithCancel(t.Context())
			for range 1000 {
				go func() {
					r := httptest.NewRequestWithContext(ctx, "POST", "/door/wrong", nil)
					r.RemoteAddr = "192.0.2.1:1"
					h.ServeHTTP(httptest.NewRecorder(), r)
				}()
			}
			synctest.Wait()
			gone()
			synctest.Wait()
		}
		start := time.Now()
		if knock(h, "/door/wrong", "192.0.2.2"); time.Since(start) > 2*time.Second+10*time.Millisecond {
			t.Errorf("one behind them waited %v", time.Since(start))
		}
		if time.Sleep(2 * time.Second); h.Strangers().Waiting != 0 {
			t.Errorf("%+v", h.Strangers())
		}
	})
}

// A reload keeps those that wait, and their number.
func TestStrangersOverReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httpapi.New(httpapi.Options{}, doorOf())
		for range 100 {
			knock(h, "/door/wrong", "192.0.2.1")
		}
		next := httpapi.New(httpapi.Options{}, doorOf())
		h.Replace(next)
		start := time.Now()
		if knock(next, "/door/wrong", "192.0.2.1"); time.Since(start) == 0 {
			t.Error("the first one after a reload did not wait")
		}
		if n := next.Strangers().Answered; n != 101 {
			t.Errorf("%d", n)
		}
	})
}
