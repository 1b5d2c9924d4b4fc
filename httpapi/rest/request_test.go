package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/pkg/gateway/gatewaytest"
)

func TestIQTimeout(t *testing.T) {
	silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		header string
		status int
		after  time.Duration
	}{
		{"", 504, 120 * time.Second},
		{"10", 504, 10 * time.Second},
		{"0.5", 504, 500 * time.Millisecond},
		{"1000", 504, 300 * time.Second},
		{"1e400", 504, 300 * time.Second},
		{"0", 400, 0},
		{"-1", 400, 0},
		{"-1e400", 400, 0},
		{"NaN", 400, 0},
		{"soon", 400, 0},
	} {
		t.Run(c.header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := post(surface(&gatewaytest.Network{Asked: silent}), xmlType, ping, "Prosody-Rest-Timeout", c.header)
				if took := time.Since(start); w.Code != c.status || took != c.after {
					t.Errorf("%d after %v: %s", w.Code, took, w.Body)
				}
				if c.status == 400 && !strings.Contains(w.Body.String(), "Prosody-Rest-Timeout") {
					t.Errorf("does not name the header: %s", w.Body)
				}
			})
		})
	}
}

// The wait ends when the caller goes away.
func TestCallerGoes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &gatewaytest.Network{Asked: func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/rest", strings.NewReader(ping))
	r.Header.Set("Content-Type", xmlType)
	r.Header.Set("Authorization", "Bearer all")
	w := httptest.NewRecorder()
	surface(n).ServeHTTP(w, r)
	if w.Code != 499 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// testdata/conformance/answers.txt has the usual cases.
func TestAccept(t *testing.T) {
	for _, c := range []struct{ accept, request, want string }{
		{"application/*", xmlType, xmlType},
		{"application/json;q=0.1, */*;q=0.9", jsonType, xmlType},
		{"application/json, text/plain, */*", xmlType, jsonType},
		{"application/json, application/xmpp+xml", xmlType, jsonType},
		{"application/xmpp+xml, application/json", jsonType, xmlType},
		{"application/json;q=0, */*", jsonType, xmlType},
		{"application/json;q=0", jsonType, jsonType},
		{"application/xmpp+xml;q=7, ;;;,", jsonType, jsonType},
		{"text/html", "text/html", xmlType},
		{"text/plain", "application/x-www-form-urlencoded", xmlType},
	} {
		w := post(surface(&gatewaytest.Network{}), c.request, "=", "Accept", c.accept)
		if got := w.Header().Get("Content-Type"); got != c.want {
			t.Errorf("Accept %q of a %s: %s, want %s", c.accept, c.request, got, c.want)
		}
	}
}
