package forward_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Requests of one caller that are held take no slots: more of them than one caller may have at work
// wait, and all are answered when a replica is active, which gets them at once.
func TestManyHeld(t *testing.T) {
	const many = 600 // one caller has 500 slots
	of := newRole()
	var done atomic.Int64
	active := start(t, "a", of, long, route("POST", "/v1/x", func(w http.ResponseWriter, r *http.Request) {
		done.Add(1)
		echo(w, r)
	}))
	standby := start(t, "b", of, long)
	var got []<-chan answer
	for range many {
		got = append(got, asks(t, standby, "POST", "/v1/x", "body"))
	}
	held(t, standby, many)
	of.set("a", active.url)
	signs(t, of, active)
	for _, one := range got {
		if a := <-one; a.StatusCode != 202 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if n := done.Load(); n != many {
		t.Errorf("%d requests were done", n)
	}
}

// A request that was held is asked for again when the active replica says that its caller has too many
// requests: they come at once because they were held. Any other caller gets that answer.
func TestHeldAndTooMany(t *testing.T) {
	for name, row := range map[string]struct {
		held   bool
		hold   time.Duration
		until  int64 // so many are refused
		header string
		status int
		asked  int64 // at least
	}{
		"held":                     {true, long, 3, "Retry-After", 202, 4},
		"not held":                 {false, long, 1, "Retry-After", 429, 1},
		"it does not say when":     {true, long, 1, "X-Other", 429, 1},
		"for longer than it holds": {true, 500 * time.Millisecond, 1 << 40, "Retry-After", 429, 2},
	} {
		t.Run(name, func(t *testing.T) {
			of := newRole()
			var asked atomic.Int64
			active := start(t, "a", of, long, route("POST", "/v1/x", func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) <= row.until {
					w.Header().Set(row.header, "1")
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				echo(w, r)
			}))
			standby := start(t, "b", of, row.hold)
			if !row.held {
				of.set("a", active.url)
			}
			got := asks(t, standby, "POST", "/v1/x", "body")
			if row.held {
				held(t, standby, 1)
				of.set("a", active.url)
			}
			signs(t, of, active)
			if a := <-got; a.StatusCode != row.status || asked.Load() < row.asked {
				t.Errorf("%d %s, asked %d times", a.StatusCode, a.body, asked.Load())
			}
		})
	}
}

// signs lets a replica give signs of life until the test ends.
func signs(t *testing.T, of *role, active *node) {
	stopped := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(2 * time.Millisecond):
				of.set("a", active.url)
			case <-stopped:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stopped); <-ended })
}
