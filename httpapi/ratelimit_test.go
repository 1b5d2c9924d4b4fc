package httpapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

func TestTokenBucket(t *testing.T) {
	var l limiter
	began := time.Unix(0, 0)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	l.set(RateLimit{PerSecond: 2, Burst: 3})
	for i, c := range []struct {
		caller string
		ms     int
		ok     bool
		wait   time.Duration
	}{
		{"a", 0, true, 0}, {"a", 0, true, 0}, {"a", 0, true, 0}, {"a", 0, false, 500 * time.Millisecond},
		{"b", 0, true, 0}, // its own bucket
		{"a", 400, false, 100 * time.Millisecond}, {"a", 500, true, 0}, {"a", 500, false, 500 * time.Millisecond},
		{"a", 9000, true, 0}, {"a", 9000, true, 0}, {"a", 9000, true, 0}, {"a", 9000, false, 500 * time.Millisecond}, // no more than the burst
		{"a", 8000, false, 500 * time.Millisecond}, // the clock was put back
	} {
		wait, ok := l.take(c.caller, at(c.ms))
		if ok != c.ok || wait.Round(time.Microsecond) != c.wait {
			t.Errorf("%d: %v %v", i, wait, ok)
		}
	}
	l.set(RateLimit{PerSecond: 5})
	for i := range 6 {
		if _, ok := l.take("a", began); ok != (i < 5) {
			t.Errorf("burst: %d is %v", i, ok)
		}
	}
	l.set(RateLimit{})
	for range 100 {
		if _, ok := l.take("a", began); !ok {
			t.Fatal("no limit is one")
		}
	}
}

func TestBucketsAreBounded(t *testing.T) {
	var l limiter
	l.set(RateLimit{PerSecond: 1, Burst: 1})
	for i := range maxBuckets + 500 {
		l.take(fmt.Sprint(i), time.Unix(0, 0))
	}
	if l.buckets.Len() > maxBuckets {
		t.Errorf("%d buckets", l.buckets.Len())
	}
}

// A handler that takes the place of another with the same limit does not give callers
// another burst.
func TestRateStaysOverReplace(t *testing.T) {
	limited := func(limit RateLimit) *Handler {
		return New(Options{Rate: limit, NoAuth: true, Listen: "127.0.0.1:0"}, Mount{Prefix: "/x", Routes: []Route{{Method: http.MethodGet, Path: "/x", Handler: http.NotFoundHandler()}}})
	}
	get := func(h *Handler) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/x", nil)
		h.ServeHTTP(w, r)
		return w.Code
	}
	one, same, other := limited(RateLimit{1, 1}), limited(RateLimit{1, 1}), limited(RateLimit{1, 2})
	got := []int{get(one), get(one)}
	one.Replace(same)
	got = append(got, get(same))
	same.Replace(other)
	got = append(got, get(other))
	if want := []int{404, 429, 429, 404}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
