package webhook

import (
	"sync"
	"time"
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
// attempts fail one after the other, whichever event they are for; then one
// attempt at a time probes whether the endpoint is back.
type health struct {
	mu       sync.Mutex
	disabled bool
	reason   string // of disabled
	since    time.Time
	paused   time.Time // as the endpoint asked (Retry-After)

	fails     int    // in a row
	sole      string // the conversation of all of them; empty: several
	firstFail time.Time
	open      bool
	opened    time.Time
	probing   bool
	probeAt   time.Time
	pause     time.Duration

	lastSuccess time.Time
	lastFailure Failure
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
// decides. If not, wait is how long. Where one conversation alone has failed,
// the others need not wait for a probe: it may be that conversation's fault.
func (h *health) allow(now time.Time) (ok, probe bool, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.disabled:
		return false, false, never
	case now.Before(h.paused):
		return false, false, h.paused.Sub(now)
	case !h.open:
		return true, false, 0
	case h.probing:
		return h.sole != "", false, never // its result wakes who waits
	case now.Before(h.probeAt):
		return h.sole != "", false, h.probeAt.Sub(now)
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
	h.fails, h.open, h.probing = 0, false, false
	h.lastSuccess = now
	return ended, closed
}

// failed notes an attempt that the endpoint did not take; it reports whether
// that began a time of failures, or opened the breaker.
func (h *health) failed(now time.Time, conversation string, f Failure, after time.Duration) (began, opened bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastFailure = f
	if after > 0 {
		h.paused = now.Add(after)
	}
	if h.fails++; h.fails == 1 {
		began, h.firstFail, h.sole = true, now, conversation
	} else if conversation != h.sole {
		h.sole = ""
	}
	switch {
	case h.open && h.probing:
		h.probing = false
		h.pause = min(2*h.pause, lastProbe)
		h.probeAt = now.Add(jitter(h.pause))
	case !h.open && h.fails >= breakAfter && now.Sub(h.firstFail) >= breakOver:
		opened, h.open, h.opened = true, true, now
		h.pause = firstProbe
		h.probeAt = now.Add(jitter(h.pause))
	}
	return began, opened
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
	h.paused, h.open, h.probing, h.fails = time.Time{}, false, false, 0
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
	st := Status{Disabled: h.disabled, Reason: h.reason, Open: h.open, Failing: h.fails > 0, LastSuccess: h.lastSuccess, LastFailure: h.lastFailure}
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
