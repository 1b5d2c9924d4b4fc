package httpapi_test

import (
	"crypto/sha256"
	"net/http/httptest"
	"sync"
	"testing"

	"stanzahook/httpapi"
)

func TestRateLimit(t *testing.T) {
	f := start(t, httpapi.Options{Rate: httpapi.RateLimit{PerSecond: 1, Burst: 2}, Tokens: []httpapi.Token{{Name: "other", Hash: sha256.Sum256([]byte("x"))}}}, ok)
	statuses := make([]int, 3)
	for i := range statuses {
		resp, body := f.do(t, "POST", "/things", "")
		if statuses[i] = resp.StatusCode; i == 2 && resp.StatusCode != 200 { // it may have taken a second to get here
			isProblem(t, resp, body, 429)
			if resp.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
			}
		}
	}
	if statuses[0] != 200 || statuses[1] != 200 {
		t.Errorf("%v", statuses)
	}
	if resp, _ := f.do(t, "POST", "/things", "", "Authorization", "Bearer x"); resp.StatusCode != 200 {
		t.Errorf("another token: %d", resp.StatusCode)
	}
	if resp, _ := f.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("healthz: %d", resp.StatusCode)
	}
}

func TestSetTokens(t *testing.T) {
	one := func(token string) []httpapi.Token {
		return []httpapi.Token{{Name: token, Hash: sha256.Sum256([]byte(token))}}
	}
	s := httpapi.New(httpapi.Options{Tokens: one("a")}, mountOf(ok))
	status := func(token string) int {
		r := httptest.NewRequest("GET", "/things/1", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if status("a") != 200 || status("b") != 403 {
		t.Error("before")
	}
	var wg sync.WaitGroup
	wg.Go(func() { // for the race detector
		for range 100 {
			status("a")
		}
	})
	for range 100 {
		s.SetTokens(one("b"))
	}
	wg.Wait()
	if status("a") != 403 || status("b") != 200 {
		t.Error("after")
	}
	s.SetTokens(nil)
	if status("b") != 403 {
		t.Error("none")
	}
}
