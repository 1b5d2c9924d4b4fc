package delivery

import (
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// Ten failures in a row over five seconds open the breaker; then one probe at
// a time, later and later, until one succeeds.
func TestBreaker(t *testing.T) {
	var h breaker
	now := time.Now()
	n := 0
	fail := func(probe bool) (opened bool) {
		n++
		_, opened = h.failed(now, failing{jid.MustParse(string(rune('a' + n%2))), webhook.OfEndpoint, probe}, Failure{}, 0)
		return opened
	}
	for range 50 { // a burst of failures is no outage yet
		if fail(false) {
			t.Fatal("opened at once")
		}
	}
	h.succeeded(now)
	for i := range 20 {
		now = now.Add(time.Second)
		if opened := fail(false); opened != (i == 9) {
			t.Fatalf("failure %d: opened %v", i+1, opened)
		} else if opened {
			break
		}
	}
	var pauses []time.Duration
	for range 8 {
		ok, _, wait := h.allow(now)
		if ok || wait <= 0 || wait > lastProbe*12/10 {
			t.Fatalf("open: allowed %v, wait %v", ok, wait)
		}
		pauses = append(pauses, wait)
		now = now.Add(wait)
		if ok, probe, _ := h.allow(now); !ok || !probe {
			t.Fatal("no probe when it is due")
		}
		if ok, _, _ := h.allow(now); ok {
			t.Fatal("a second attempt while the probe is out")
		}
		fail(true)
	}
	if pauses[0] > 15*time.Second || pauses[1] > 15*time.Second || pauses[7] < lastProbe*8/10 {
		t.Errorf("pauses %v", pauses)
	}
	now = now.Add(2 * lastProbe)
	h.allow(now)
	h.cancelProbe() // the probe came to nothing: another may go
	if ok, probe, _ := h.allow(now); !ok || !probe {
		t.Fatal("no probe after one was given back")
	}
	if ended, closed := h.succeeded(now); !ended || !closed {
		t.Error("a probe that succeeds closes the breaker")
	}
	if ok, probe, _ := h.allow(now); !ok || probe {
		t.Error("closed: attempts are free")
	}
}

func TestPauseAndDisable(t *testing.T) {
	var h breaker
	now := time.Now()
	h.failed(now, failing{sender: jid.MustParse("a"), fault: webhook.OfEndpoint}, Failure{}, time.Minute)
	if ok, _, wait := h.allow(now.Add(time.Second)); ok || wait != 59*time.Second {
		t.Errorf("Retry-After: %v %v", ok, wait)
	}
	if ok, _, _ := h.allow(now.Add(time.Minute)); !ok {
		t.Error("the pause is over")
	}
	h.disable("why", now)
	if ok, _, _ := h.allow(now.Add(time.Hour)); ok {
		t.Error("disabled")
	}
	if st := h.status(now); !st.Disabled || st.Reason != "why" {
		t.Errorf("status %+v", st)
	}
	h.failed(now, failing{sender: jid.MustParse("a"), fault: webhook.OfEndpoint}, Failure{}, time.Hour)
	h.enable()
	if ok, probe, _ := h.allow(now); !ok || probe {
		t.Error("enabled: everything is forgotten")
	}
}

// A pause that one sender alone was asked for holds up nobody else.
func TestPauseOfOneSender(t *testing.T) {
	var h breaker
	now := time.Now()
	h.failed(now, failing{sender: jid.MustParse("mallory"), fault: webhook.OfSender}, Failure{Status: 429}, time.Hour)
	if ok, _, wait := h.allow(now); !ok {
		t.Errorf("the others wait %v", wait)
	}
	h.failed(now, failing{sender: jid.MustParse("alice"), fault: webhook.OfSender}, Failure{Status: 429}, time.Minute)
	if ok, _, wait := h.allow(now); ok || wait != time.Minute {
		t.Errorf("two were asked to wait: allowed %v, in %v", ok, wait)
	}
}

// Where one sender has made all the failures, it is probed, and the others are
// free; until one of them fails as well.
func TestBreakerOfOneSender(t *testing.T) {
	var h breaker
	now := time.Now()
	for range breakAfter {
		now = now.Add(breakOver)
		h.failed(now, failing{sender: jid.MustParse("stuck"), fault: webhook.OfEndpoint}, Failure{}, 0)
	}
	if st := h.status(now); !st.Open {
		t.Fatal("not open")
	}
	if ok, probe, wait := h.allow(now); !ok || probe || wait == 0 {
		t.Errorf("another sender: allowed %v, as a probe %v, next probe in %v", ok, probe, wait)
	}
	h.failed(now, failing{sender: jid.MustParse("other"), fault: webhook.OfEndpoint}, Failure{}, 0)
	if ok, _, _ := h.allow(now); ok {
		t.Error("two senders have failed: it is the endpoint")
	}
	if _, closed := h.succeeded(now); !closed {
		t.Error("not closed")
	}
}
