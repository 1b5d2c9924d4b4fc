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

// health knows whether an endpoint may be bothered now. A breaker opens when
// attempts fail one after the other: those without an answer whoever they are for,
// others if they are of two senders at least. Then one attempt at a time probes
// whether the endpoint is back. Nobody else is held back before so many senders
// have failed that it cannot be their doing.
type health struct {
	mu       sync.Mutex
	disabled bool
	reason   string // of disabled
	since    time.Time
	paused   time.Time // as the endpoint asked (Retry-After)

	fails     int      // in a row
	silent    int      // of these, faults of the endpoint
	senders   []failed // of them, different ones, breakAfter at most
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

// failing is what health is told of an attempt that failed.
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

// allow reports whether an attempt may begin; probe means that its result
// decides. If not, wait is how long. Where few senders have failed, nobody needs to
// wait for a probe: it may be their fault, and each of their conversations waits
// by itself.
func (h *health) allow(now time.Time) (ok, probe bool, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.allowed(now)
}

// allowOne is allow for an event that cannot wait. A sender whose probe failed
// leaves the next one to others, for a while.
func (h *health) allowOne(now time.Time, sender jid.JID) (ok, probe bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open && !h.disabled && h.probes[sender] > 0 && now.Before(h.probeAt.Add(h.pause)) {
		return !h.everybody() && !now.Before(h.paused), false
	}
	ok, probe, _ = h.allowed(now)
	return ok, probe
}

// everybody reports whether so many senders fail that the others are held back:
// two that got no answer, or as many as it takes to open the breaker.
func (h *health) everybody() bool {
	silent := 0
	for _, f := range h.senders {
		if f.silent {
			silent++
		}
	}
	return silent >= 2 || len(h.senders) >= breakAfter
}

// allowed is allow; h.mu is held.
func (h *health) allowed(now time.Time) (ok, probe bool, wait time.Duration) {
	switch {
	case h.disabled:
		return false, false, never
	case now.Before(h.paused):
		return false, false, h.paused.Sub(now)
	case !h.open:
		return true, false, 0
	case h.probing:
		return !h.everybody(), false, never // its result wakes who waits
	case now.Before(h.probeAt):
		return !h.everybody(), false, h.probeAt.Sub(now)
	}
	h.probing = true
	return true, true, 0
}

// unprobe gives back the right to probe without a result.
func (h *health) unprobe() {
	h.mu.Lock()
	h.probing = false
	h.mu.Unlock()
}

// untilProbe returns how long no probe is due.
func (h *health) untilProbe(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, h.probeAt.Sub(now), h.paused.Sub(now))
}

// succeeded notes an attempt that the endpoint answered; it reports whether
// that ended a time of failures.
func (h *health) succeeded(now time.Time) (ended, closed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended, closed = h.fails > 0, h.open
	h.forget()
	h.lastSuccess = now
	return ended, closed
}

// forget ends a time of failures; h.mu is held.
func (h *health) forget() {
	h.fails, h.silent, h.open, h.probing = 0, 0, false, false
	h.senders, h.probes, h.probed = h.senders[:0], nil, 0
}

// blame notes who has failed; h.mu is held.
func (h *health) blame(a failing) {
	silent := a.fault == webhook.OfEndpoint
	if silent {
		h.silent++
	}
	for i := range h.senders {
		if h.senders[i].sender == a.sender {
			h.senders[i].silent = h.senders[i].silent || silent
			return
		}
	}
	if len(h.senders) < breakAfter {
		h.senders = append(h.senders, failed{a.sender, silent})
	}
}

// failed notes an attempt that the endpoint did not take; it reports whether
// that began a time of failures, or opened the breaker.
func (h *health) failed(now time.Time, a failing, f Failure, after time.Duration) (began, opened bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastFailure = f
	if h.fails++; h.fails == 1 {
		began, h.firstFail = true, now
	}
	h.blame(a)
	// What one sender alone is asked to wait for holds up that sender alone.
	if after > 0 && (a.fault == webhook.OfEndpoint || len(h.senders) >= 2) {
		h.paused = now.Add(after)
	}
	switch {
	case h.open && a.probe:
		h.noteProbe(a.sender)
		h.probing = false
		h.pause = min(2*h.pause, lastProbe)
		h.probeAt = now.Add(jitter(h.pause))
	case !h.open && h.enough() && now.Sub(h.firstFail) >= breakOver:
		opened, h.open, h.opened = true, true, now
		h.pause = firstProbe
		h.probeAt = now.Add(jitter(h.pause))
	}
	return began, opened
}

// enough reports whether failures are so many that the breaker opens.
func (h *health) enough() bool {
	return h.silent >= breakAfter || h.fails >= breakAfter && len(h.senders) >= 2
}

// maxProbes bounds the senders whose probes are remembered.
const maxProbes = 1000

// noteProbe notes whose probe has failed, so that the next one is another's.
func (h *health) noteProbe(sender jid.JID) {
	if h.probes == nil || len(h.probes) >= maxProbes {
		h.probes = make(map[jid.JID]int)
	}
	h.probed++
	h.probes[sender] = h.probed
}

// lastProbeOf returns which failed probe was a sender's last, by number; 0: it had none.
func (h *health) lastProbeOf(sender jid.JID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.probes[sender]
}

// isDisabled reports whether the endpoint is.
func (h *health) isDisabled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.disabled
}

func (h *health) disable(reason string, since time.Time) {
	h.mu.Lock()
	h.disabled, h.reason, h.since = true, reason, since
	h.mu.Unlock()
}

// enable forgets everything that kept attempts back.
func (h *health) enable() {
	h.mu.Lock()
	h.disabled, h.reason = false, ""
	h.mu.Unlock()
	h.renew()
}

// renew forgets what was held against the endpoint, but not that it is disabled:
// it is another now.
func (h *health) renew() {
	h.mu.Lock()
	h.paused = time.Time{}
	h.forget()
	h.mu.Unlock()
}

// succeededSince reports whether an attempt has succeeded since a time.
func (h *health) succeededSince(t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastSuccess.After(t)
}

// status fills in what health knows.
func (h *health) status(now time.Time) Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{Disabled: h.disabled, Reason: h.reason, Open: h.open, Failing: h.fails > 0, Senders: len(h.senders), LastSuccess: h.lastSuccess, LastFailure: h.lastFailure}
	if h.paused.After(now) {
		st.PausedUntil = h.paused
	}
	switch {
	case h.disabled:
		st.Since = h.since
	case h.open:
		st.Since = h.opened
	case h.fails > 0:
		st.Since = h.firstFail
	}
	return st
}
