package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"stanzahook/httpapi"
)

// notes is an observer that records its calls.
type notes struct {
	mu    sync.Mutex
	began int
	ended []string
}

func (n *notes) Began() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.began++
}

func (n *notes) Ended(route string, status int, took time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if took > 0 {
		n.ended = append(n.ended, fmt.Sprint(route, " ", status))
	}
}

// The observer gets every request, with the route and never the path.
func TestObserver(t *testing.T) {
	var n notes
	f := start(t, httpapi.Options{Observer: &n}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			panic("a bug")
		}
	})
	f.do(t, http.MethodGet, "/things/a", "")
	f.do(t, http.MethodGet, "/things/b", "", "Authorization", "Bearer wrong")
	f.do(t, http.MethodPost, "/things", "")
	f.do(t, http.MethodGet, "/nothing", "")
	f.do(t, "BREW", "/things", "")
	f.do(t, http.MethodGet, "/healthz", "")
	want := []string{"/things/{id} 200", "/things/{id} 403", "/things 500", "none 404", "none 405", "/healthz 200"}
	// An answer can be here before the observer is told that it is.
	var got []string
	var began int
	for deadline := time.Now().Add(time.Minute); len(got) < len(want) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n.mu.Lock()
		got, began = slices.Clone(n.ended), n.began
		n.mu.Unlock()
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || began != len(want) {
		t.Errorf("%d began, and these ended: %q", began, got)
	}
}
