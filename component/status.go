package component

import (
	"context"
	"sync/atomic"
	"time"

	"stanzahook/pkg/timing"
)

// State of a link.
type State string

// The states.
const (
	Connecting State = "connecting" // no attempt has ended yet
	Up         State = "up"
	Down       State = "down"
	Shared     State = "shared" // connected, but so is somebody else under the same name
)

// Status is a snapshot of a link for people and /readyz.
type Status struct {
	Domain string
	Addr   string
	State  State
	Since  time.Time
	Reason string // why it is not up; empty if it is
}

// Status returns the state of the link.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Connected reports whether stanzas can be written now.
func (l *Link) Connected() bool {
	st := l.Status().State
	return st == Up || st == Shared
}

// WaitConnected waits until the link is connected, or ctx is done.
func (l *Link) WaitConnected(ctx context.Context) error {
	l.mu.Lock()
	up := l.isUp
	l.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clearAfter is how many markers in a row must come back until a name that was
// shared counts as ours alone: with two connections half of them do.
const clearAfter = 8

// markerBack notes that a marker came back to us.
func (l *Link) markerBack() {
	l.mu.Lock()
	l.inARow++
	// With traffic eight come in a moment, so time has to pass as well.
	clear := l.shared && l.inARow >= clearAfter && time.Since(l.stray) >= 3*l.o.Keepalive
	if !l.shared && l.inARow >= clearAfter && time.Since(l.silent) >= 3*l.o.Keepalive {
		l.silent = time.Time{}
	}
	if clear {
		l.shared, l.silent = false, time.Time{}
		l.status.State, l.status.Since, l.status.Reason = Up, time.Now(), ""
	}
	l.mu.Unlock()
	if clear {
		l.log.Info("the markers come back again; the name is ours alone")
	}
}

// mayHaveOld reports whether the server may still have a connection of ours that was
// lost without a word.
func (l *Link) mayHaveOld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.silent.IsZero()
}

// markerAstray notes that a marker went to somebody else, or somebody else's
// came to us.
func (l *Link) markerAstray() {
	l.mu.Lock()
	l.inARow, l.stray = 0, time.Now()
	changed := !l.shared
	l.shared = true
	reason := l.sharedReason()
	if l.status.State == Up {
		l.status.State, l.status.Since, l.status.Reason = Shared, time.Now(), reason
	}
	l.mu.Unlock()
	if changed {
		l.log.Error(reason)
	}
}

// upFor returns how long the link is in its state.
func (l *Link) upFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.status.Since)
}

// sharedReason says why markers go to somebody else. ejabberd (23.01 and 24.12) has no
// option of a listener that would end a connection which does not answer: the kernel
// under it does. l.mu is held.
func (l *Link) sharedReason() string {
	const (
		deals = "stanzas of this component go astray: ejabberd deals them at random to all connections of the name"
		ends  = "it ends when the kernel of the server's machine gives it up, about 15 minutes after the loss; with sysctl net.ipv4.tcp_retries2=8 there, within 2 minutes; a restart of ejabberd ends it at once"
	)
	if l.silent.IsZero() {
		return deals + ". If another program is connected as " + l.o.Domain.String() + ", stop it. If there is none, it is an old connection of our own, of a machine or a network that went away without a word: " + ends
	}
	return deals + ", and it still has our own old one, which was lost without a word at " + l.silent.Format("15:04:05") + ": " + ends + ". If that does not help, another program is connected as " + l.o.Domain.String() + ": stop it"
}

// Counters count what went over a link since the start of the process.
type Counters struct {
	In         [4]atomic.Int64 // by stanza.Kind
	Out        [4]atomic.Int64
	Markers    atomic.Int64 // sent
	Connects   atomic.Int64 // handshakes that succeeded
	Reconnects atomic.Int64 // connections that ended, and attempts that failed
	Malformed  atomic.Int64 // stanzas the server sent that are not XML as RFC 6120 allows it
	TooLarge   atomic.Int64 // stanzas over the size limit
	Unknown    atomic.Int64 // top-level elements that are no stanzas
	Stray      atomic.Int64 // IQ results and errors nobody waits for
	Rejected   atomic.Int64 // stanzas of ours over which the server closed the stream
	Untaken    atomic.Int64 // messages, presence and requests that nobody took

	Confirmed  timing.Histogram // from writing a marker until it was back
	Answered   timing.Histogram // from sending an IQ until its answer
	Unanswered atomic.Int64     // IQs whose answer was not waited for any longer, or lost with the connection
}

// Load is what a link has in memory.
type Load struct {
	Unconfirmed, Bytes int // stanzas that are not written, or not confirmed
	Requests           int // IQs that wait for their answers
}

// Load returns what the link has in memory now.
func (l *Link) Load() Load {
	var n Load
	l.out.mu.Lock()
	n.Unconfirmed, n.Bytes = len(l.out.items), l.out.bytes
	l.out.mu.Unlock()
	l.tracker.mu.Lock()
	n.Requests = len(l.tracker.pending)
	l.tracker.mu.Unlock()
	return n
}
