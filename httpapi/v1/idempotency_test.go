package v1_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
)

const (
	hi    = `{"to":"u@example.com","body":"hi"}`
	other = `{"to":"u@example.com","body":"ho"}`
)

func TestSentOnce(t *testing.T) {
	f, b := &gatewaytest.Network{}, &book{}
	s := api(f, b)
	first := post(s, "sender", "/v1/messages", hi, "Idempotency-Key", "k")
	again := post(s, "sender", "/v1/messages?wait=5s", hi, "Idempotency-Key", `"k"`)
	if first.Code != 202 || again.Code != 202 || first.Body.String() != again.Body.String() || len(f.Sent()) != 1 {
		t.Errorf("%d %s, %d %s: sent %d times", first.Code, first.Body, again.Code, again.Body, len(f.Sent()))
	}
	if first.Header().Get("Idempotency-Replayed") != "" || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v %v", first.Header(), again.Header())
	}
	isProblem(t, post(s, "sender", "/v1/messages", other, "Idempotency-Key", "k"), 422, "another body")
	for _, c := range []struct{ token, path, key string }{{"all", "/v1/messages", "k"}, {"sender", "/v1/messages", "l"}} {
		if w := post(s, c.token, c.path, hi, "Idempotency-Key", c.key); w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%v is the same", c)
		}
	}
	if w := post(s, "sender", "/v1/presence", `{"to":"u@example.com"}`, "Idempotency-Key", "k"); w.Code != 202 {
		t.Errorf("another route: %d %s", w.Code, w.Body)
	}
	if len(f.Sent()) != 4 {
		t.Errorf("sent %d times", len(f.Sent()))
	}
}

// The answer to the second of two requests with one key.
func TestAfterAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name           string
		err            error
		first, second  int
		sent           int
		sameID, replay bool
	}{
		{"a bounce", bouncing(), 422, 422, 1, true, true},
		{"refused by the server", gateway.ErrRejected, 422, 422, 1, true, true},
		{"busy", gateway.ErrBusy, 503, 202, 2, true, false},
		{"unconfirmed", gateway.ErrUnconfirmed, 503, 202, 2, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, b := &gatewaytest.Network{Err: c.err}, &book{}
			s := api(f, b)
			first := post(s, "sender", "/v1/messages?wait=1s", hi, "Idempotency-Key", "k")
			f.Err, f.State = nil, gateway.Queued
			second := post(s, "sender", "/v1/messages?wait=1s", hi, "Idempotency-Key", "k")
			if first.Code != c.first || second.Code != c.second || len(f.Sent()) != c.sent || (second.Header().Get("Idempotency-Replayed") != "") != c.replay {
				t.Errorf("%d %s\n%d %s\nsent %s", first.Code, first.Body, second.Code, second.Body, xml(f))
			}
			if c.sent == 2 && xml(f)[0] != xml(f)[1] {
				t.Errorf("not the same stanza: %s", xml(f))
			}
		})
	}
}

// Killed between storing the key and storing the answer: the stanza goes again,
// as it was.
func TestAfterACrash(t *testing.T) {
	first, b := &gatewaytest.Network{}, &book{}
	post(api(first, b), "sender", "/v1/messages", hi, "Idempotency-Key", "k")
	for key, r := range b.kept { // as it was before the answer came
		r.Status, r.Type, r.Answer = 0, "", nil
		b.kept[key] = r
	}
	f := &gatewaytest.Network{}
	w := post(api(f, b), "sender", "/v1/messages", hi, "Idempotency-Key", "k")
	if w.Code != 202 || len(f.Sent()) != 1 || xml(f)[0] != xml(first)[0] {
		t.Errorf("%d %s: %s, before that %s", w.Code, w.Body, xml(f), xml(first))
	}
}

func TestStillRunning(t *testing.T) {
	f, b := &gatewaytest.Network{Entered: make(chan struct{}), Leave: make(chan struct{})}, &book{}
	s := api(f, b)
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- post(s, "sender", "/v1/messages", hi, "Idempotency-Key", "k") }()
	<-f.Entered
	if w := post(s, "sender", "/v1/messages", hi, "Idempotency-Key", "k"); w.Code != 409 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	isProblem(t, post(s, "sender", "/v1/messages", other, "Idempotency-Key", "k"), 422, "another body")
	close(f.Leave)
	if w := <-done; w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(s, "sender", "/v1/messages", hi, "Idempotency-Key", "k"); w.Code != 202 || len(f.Sent()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		err    error
		status int
	}{
		{"empty", []string{""}, nil, 400},
		{"twice", []string{"a", "b"}, nil, 400},
		{"odd", []string{"ü"}, nil, 400},
		{"long", []string{strings.Repeat("x", 256)}, nil, 400},
		{"as long as may be", []string{strings.Repeat("x", 255)}, nil, 202},
		{"full", []string{"a"}, gateway.ErrFull, 507},
		{"broken", []string{"a"}, errors.New("disk on fire"), 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &gatewaytest.Network{}
			var headers []string
			for _, v := range c.values {
				headers = append(headers, "Idempotency-Key", v)
			}
			w := post(api(f, &book{err: c.err}), "sender", "/v1/messages", hi, headers...)
			if w.Code != c.status || (len(f.Sent()) > 0) != (c.status == 202) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	f, b := &gatewaytest.Network{}, &book{}
	if w := post(api(f, b), "sender", "/v1/messages", `{"to":"u@example.com"}`, "Idempotency-Key", "k"); w.Code != 400 || len(b.kept) != 0 {
		t.Errorf("what was refused took the key: %d %s", w.Code, w.Body)
	}
}
