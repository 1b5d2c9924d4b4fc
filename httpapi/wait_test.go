package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
)

// Requests that wait take no slot of others, up to the share of their caller; those beyond it
// keep their slots.
func TestWaitTakesNoSlot(t *testing.T) {
	const slots, places, share = 8, 16, 8
	inside, leave := make(chan struct{}), make(chan struct{})
	m := mountOf(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			ctx, release := httpapi.Wait(r.Context(), httpapi.Needs("send"))
			defer release()
			inside <- struct{}{}
			select {
			case <-leave:
			case <-ctx.Done():
			}
		}
		ok(w, r)
	})
	h := httpapi.New(httpapi.Options{Tokens: tokensOf(map[string]string{"greedy": "send", "other": "send"}), MaxConcurrent: slots}, m)
	var wg sync.WaitGroup
	for range share + slots/2 {
		wg.Go(func() { ask(h, http.MethodPost, "/things", "greedy") })
		<-inside
	}
	if v, w := h.Slots(), h.Waiting(); w.Most != places || w.Share != share || w.Used != share || w.Refused["share"] != slots/2 || v.Used != slots/2 {
		t.Errorf("%+v %+v", v, w)
	}
	for who, status := range map[string]int{"greedy": 429, "other": 200} {
		if w := ask(h, http.MethodGet, "/things/1", who); w.Code != status {
			t.Errorf("%s: %d %s", who, w.Code, w.Body)
		}
	}
	close(leave)
	wg.Wait()
	if v, w := h.Slots(), h.Waiting(); v.Used != 0 || w.Used != 0 || len(w.By) != 0 {
		t.Errorf("%+v %+v", v, w)
	}
}

// The body of a route may be larger than others, and no longer than it says.
func TestRouteMaxBody(t *testing.T) {
	m := mountOf(func(w http.ResponseWriter, r *http.Request) {
		if _, f := httpapi.ReadBody(w, r); f != nil {
			httpapi.WriteProblem(w, r, f)
			return
		}
		ok(w, r)
	})
	m.Routes[0].MaxBody = 20
	h := httpapi.New(httpapi.Options{NoAuth: true, MaxBodyBytes: 10}, m)
	for size, status := range map[int]int{20: 200, 21: 413} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://localhost/things", strings.NewReader(strings.Repeat("x", size)))
		if h.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%d bytes: %d %s", size, w.Code, w.Body)
		}
	}
}
