package delivery

import (
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

const (
	// The breaker opens after so many failures in a row, over at least so long.
	breakAfter = 10
	breakOver  = 5 * time.Second
	// Pauses between the probes of an open breaker.
	firstProbe = 5 * time.Second
	lastProbe  = time.Minute
)

// breaker decides whether an attempt may begin. It opens when
// attempts fail one after the other: those without an answer whoever they are for,
// others if they are of two senders at least. Then one attempt at a time probes
// whether the endpoint is back. The breaker holds back the other senders only when the
// failures of so many show that the endpoint is the cause.
type breaker struct {
	mu       sync.Mutex
	disabled bool
	reason   string // of disabled
	since    time.Time
	paused   time.Time // until then, as the endpoint asked (Retry-After)

	fails     int      // in a row
	silent    int      // of these, faults of the endpoint
	senders   []failed // whose attempts failed, breakAfter at most
	firstFail time.Time
	open      bool
	opened    time.Time
	probing   bool
	probeAt   time.Time
	pause     time.Duration
	probes    map[jid.JID]int // the last failed probe of each sender, by number
	probed    int             // failed probes

	lastSuccess time.Time
	lastFailure Failure
}

// failed is a sender whose attempts have failed, and whether one of them was a fault
// of the endpoint.
type failed struct {
	sender jid.JID
	silent bool
}

// failing is a failed attempt, as the breaker counts it.
type failing struct {
	sender jid.JID
	fault  webhook.Fault
	probe  bool
}

// Failure is the last attempt of an endpoint that failed.
type Failure struct {
	Time   time.Time
	Status int // 0: no answer
	Error  string
}

// never is when a disabled endpoint may be tried again.
const never = 1 << 62 * time.Nanosecond

// allow reports whether an attempt may begin, and whether it is a probe. If not, wait is
// how long. While few senders have failed, nobody waits for a probe: it may be their
// fault, and each of their conversations waits by itself.
func (b *breaker) allow(now time.Time) (ok, probe bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allowed(now)
}

// allowOne is allow for an event that cannot wait. A sender whose probe failed
// leaves the next one to others, for one pause.
func (b *breaker) allowOne(now time.Time, sender jid.JID) (ok, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open && !b.disabled && b.probes[sender] > 0 && now.Before(b.probeAt.Add(b.pause)) {
		return !b.everybody() && !now.Before(b.paused), false
	}
	ok, probe, _ = b.allowed(now)
	return ok, probe
}

// everybody reports whether so many senders fail that the others are held back:
// two that got no answer, or as many as it takes to open the breaker.
func (b *breaker) everybody() bool {
	silent := 0
	for _, f := range b.senders {
		if f.silent {
			silent++
		}
	}
	return silent >= 2 || len(b.senders) >= breakAfter
}

// allowed is allow with b.mu held.
func (b *breaker) allowed(now time.Time) (ok, probe bool, wait time.Duration) {
	switch {
	case b.disabled:
		return false, false, never
	case now.Before(b.paused):
		return false, false, b.paused.Sub(now)
	case !b.open:
		return true, false, 0
	case b.probing:
		return !b.everybody(), false, never // its result wakes those that wait
	case now.Before(b.probeAt):
		return !b.everybody(), false, b.probeAt.Sub(now)
	}
	b.probing = true
	return true, true, 0
}

// cancelProbe ends a probe without a result.
func (b *breaker) cancelProbe() {
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
}

// untilProbe returns the time until the next probe.
func (b *breaker) untilProbe(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.probeAt.Sub(now), b.paused.Sub(now))
}

// succeeded records an attempt that the endpoint answered, and reports whether
// that ended a time of failures, and closed the breaker.
func (b *breaker) succeeded(now time.Time) (ended, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ended, closed = b.fails > 0, b.open
	b.forget()
	b.lastSuccess = now
	return ended, closed
}

// forget ends a time of failures; b.mu is held.
func (b *breaker) forget() {
	b.fails, b.silent, b.open, b.probing = 0, 0, false, false
	b.senders, b.probes, b.probed = b.senders[:0], nil, 0
}

// blame records whose attempt failed; b.mu is held.
func (b *breaker) blame(a failing) {
	silent := a.fault == webhook.OfEndpoint
	if silent {
		b.silent++
	}
	for i := range b.senders {
		if b.senders[i].sender == a.sender {
			b.senders[i].silent = b.senders[i].silent || silent
			return
		}
	}
	if len(b.senders) < breakAfter {
		b.senders = append(b.senders, failed{a.sender, silent})
	}
}

// failed records a failed attempt, and reports whether that began a time of failures, or
// opened the breaker. after is the Retry-After of the answer.
func (b *breaker) failed(now time.Time, a failing, f Failure, after time.Duration) (began, opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastFailure = f
	if b.fails++; b.fails == 1 {
		began, b.firstFail = true, now
	}
	b.blame(a)
	// A Retry-After for one sender alone holds up that conversation alone: see retry.
	if after > 0 && (a.fault == webhook.OfEndpoint || len(b.senders) >= 2) {
		b.paused = now.Add(after)
	}
	switch {
	case b.open && a.probe:
		b.noteProbe(a.sender)
		b.probing = false
		b.pause = min(2*b.pause, lastProbe)
		b.probeAt = now.Add(jitter(b.pause))
	case !b.open && (b.silent >= breakAfter || b.fails >= breakAfter && len(b.senders) >= 2) && now.Sub(b.firstFail) >= breakOver:
		opened, b.open, b.opened = true, true, now
		b.pause = firstProbe
		b.probeAt = now.Add(jitter(b.pause))
	}
	return began, opened
}

// maxProbes bounds the senders whose probes are remembered.
const maxProbes = 1000

// noteProbe records whose probe has failed, so that the next one is another's.
func (b *breaker) noteProbe(sender jid.JID) {
	if b.probes == nil || len(b.probes) >= maxProbes {
		b.probes = make(map[jid.JID]int)
	}
	b.probed++
	b.probes[sender] = b.probed
}

// lastProbeOf returns the number of a sender's last failed probe; 0: it had none.
func (b *breaker) lastProbeOf(sender jid.JID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.probes[sender]
}

func (b *breaker) isDisabled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.disabled
}

func (b *breaker) disable(reason string, since time.Time) {
	b.mu.Lock()
	b.disabled, b.reason, b.since = true, reason, since
	b.mu.Unlock()
}

// enable ends disable, and forgets all failures.
func (b *breaker) enable() {
	b.mu.Lock()
	b.disabled, b.reason = false, ""
	b.mu.Unlock()
	b.renew()
}

// renew forgets all failures: the endpoint has another setup.
func (b *breaker) renew() {
	b.mu.Lock()
	b.paused = time.Time{}
	b.forget()
	b.mu.Unlock()
}

func (b *breaker) succeededSince(t time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lastSuccess.After(t)
}

// status returns the breaker's part of a Status.
func (b *breaker) status(now time.Time) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := Status{Disabled: b.disabled, Reason: b.reason, Open: b.open, Failing: b.fails > 0, Senders: len(b.senders), LastSuccess: b.lastSuccess, LastFailure: b.lastFailure}
	if b.paused.After(now) {
		st.PausedUntil = b.paused
	}
	switch {
	case b.disabled:
		st.Since = b.since
	case b.open:
		st.Since = b.opened
	case b.fails > 0:
		st.Since = b.firstFail
	}
	return st
}
