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
	var b breaker
	now := time.Now()
	n := 0
	fail := func(probe bool) (opened bool) {
		n++
		_, opened = b.failed(now, failing{jid.MustParse(string(rune('a' + n%2))), webhook.OfEndpoint, probe}, Failure{}, 0)
		return opened
	}
	for range 50 { // a burst of failures is no outage yet
		if fail(false) {
			t.Fatal("opened at once")
		}
	}
	b.succeeded(now)
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
		ok, _, wait := b.allow(now)
		if ok || wait <= 0 || wait > lastProbe*12/10 {
			t.Fatalf("open: allowed %v, wait %v", ok, wait)
		}
		pauses = append(pauses, wait)
		now = now.Add(wait)
		if ok, probe, _ := b.allow(now); !ok || !probe {
			t.Fatal("no probe when it is due")
		}
		if ok, _, _ := b.allow(now); ok {
			t.Fatal("a second attempt while the probe is out")
		}
		fail(true)
	}
	if pauses[0] > 15*time.Second || pauses[1] > 15*time.Second || pauses[7] < lastProbe*8/10 {
		t.Errorf("pauses %v", pauses)
	}
	now = now.Add(2 * lastProbe)
	b.allow(now)
	b.cancelProbe() // the probe came to nothing: another may go
	if ok, probe, _ := b.allow(now); !ok || !probe {
		t.Fatal("no probe after one was given back")
	}
	if ended, closed := b.succeeded(now); !ended || !closed {
		t.Error("a probe that succeeds closes the breaker")
	}
	if ok, probe, _ := b.allow(now); !ok || probe {
		t.Error("closed: attempts are free")
	}
}

func TestPauseAndDisable(t *testing.T) {
	var b breaker
	now := time.Now()
	b.failed(now, failing{sender: jid.MustParse("a"), fault: webhook.OfEndpoint}, Failure{}, time.Minute)
	if ok, _, wait := b.allow(now.Add(time.Second)); ok || wait != 59*time.Second {
		t.Errorf("Retry-After: %v %v", ok, wait)
	}
	if ok, _, _ := b.allow(now.Add(time.Minute)); !ok {
		t.Error("the pause is over")
	}
	b.disable("why", now)
	if ok, _, _ := b.allow(now.Add(time.Hour)); ok {
		t.Error("disabled")
	}
	if st := b.status(now); !st.Disabled || st.Reason != "why" {
		t.Errorf("status %+v", st)
	}
	b.failed(now, failing{sender: jid.MustParse("a"), fault: webhook.OfEndpoint}, Failure{}, time.Hour)
	b.enable()
	if ok, probe, _ := b.allow(now); !ok || probe {
		t.Error("enabled: everything is forgotten")
	}
}

// A pause that one sender alone was asked for holds up nobody else.
func TestPauseOfOneSender(t *testing.T) {
	var b breaker
	now := time.Now()
	b.failed(now, failing{sender: jid.MustParse("mallory"), fault: webhook.OfSender}, Failure{Status: 429}, time.Hour)
	if ok, _, wait := b.allow(now); !ok {
		t.Errorf("the others wait %v", wait)
	}
	b.failed(now, failing{sender: jid.MustParse("alice"), fault: webhook.OfSender}, Failure{Status: 429}, time.Minute)
	if ok, _, wait := b.allow(now); ok || wait != time.Minute {
		t.Errorf("two were asked to wait: allowed %v, in %v", ok, wait)
	}
}

// A sender that fails by a status does not open the breaker alone, and does not hold
// the others back before there are ten of them; two without an answer do both.
func TestBreakerBySender(t *testing.T) {
	for _, tc := range []struct {
		name           string
		senders, fails int
		fault          webhook.Fault
		open, free     bool
	}{
		{"one sender, by its content", 1, 1000, webhook.OfSender, false, true},
		{"two senders", 2, 10, webhook.OfSender, true, true},
		{"two senders, few failures", 2, 9, webhook.OfSender, false, true},
		{"nine senders", 9, 1000, webhook.OfSender, true, true},
		{"ten senders", 10, 10, webhook.OfSender, true, false},
		{"one sender, no answer", 1, 10, webhook.OfEndpoint, true, true},
		{"two senders, no answer", 2, 10, webhook.OfEndpoint, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b breaker
			now := time.Now()
			for i := range tc.fails {
				now = now.Add(breakOver)
				b.failed(now, failing{sender: user(i % tc.senders), fault: tc.fault}, Failure{}, 0)
			}
			if open := b.status(now).Open; open != tc.open {
				t.Errorf("open: %v", open)
			}
			ok, _, _ := b.allow(now)
			one, probe := b.allowOne(now, jid.MustParse("innocent@example.com"))
			if ok != tc.free || one != tc.free || probe {
				t.Errorf("another sender may: %v %v, as a probe %v", ok, one, probe)
			}
			b.succeeded(now)
			if st := b.status(now); st.Open || st.Failing {
				t.Errorf("after a success %+v", st)
			}
		})
	}
}

// A sender whose probe has failed leaves the next one to the others.
func TestDirectProbesTakeTurns(t *testing.T) {
	var b breaker
	now := time.Now()
	for i := range 20 {
		now = now.Add(time.Second)
		b.failed(now, failing{sender: user(i % 2), fault: webhook.OfEndpoint}, Failure{}, 0)
	}
	for i := range 2 {
		now = b.probeAt
		if ok, probe := b.allowOne(now, user(i)); !ok || !probe {
			t.Fatalf("the first probe of %s: %v %v", user(i), ok, probe)
		}
		b.failed(now, failing{user(i), webhook.OfEndpoint, true}, Failure{}, 0)
	}
	now = b.probeAt
	for i := range 2 {
		if ok, probe := b.allowOne(now, user(i)); ok || probe {
			t.Errorf("%s probes again", user(i))
		}
	}
	if ok, probe := b.allowOne(now, user(2)); !ok || !probe {
		t.Error("the third does not probe")
	}
	b.cancelProbe()
	if ok, probe := b.allowOne(b.probeAt.Add(b.pause), user(0)); !ok || !probe {
		t.Error("where nobody else comes, the first probes again")
	}
}
