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
	Shared     State = "shared" // connected, and so is another connection of the same name
)

// Status is a snapshot of a link for people and /readyz.
type Status struct {
	Domain string
	Addr   string
	State  State
	Since  time.Time
	Reason string // why it is not up; empty if it is
}

func (s *Status) connected() bool { return s.State == Up || s.State == Shared }

// Status returns the state of the link.
func (l *Link) Status() Status { return l.state.get() }

// Connected reports whether stanzas can be written now.
func (l *Link) Connected() bool {
	st := l.state.get()
	return st.connected()
}

// WaitConnected waits until the link is connected, or ctx is done.
func (l *Link) WaitConnected(ctx context.Context) error { return l.state.wait(ctx) }

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
	Stray      atomic.Int64 // IQ results and errors for which no request waits
	Rejected   atomic.Int64 // stanzas of ours over which the server closed the stream
	Untaken    atomic.Int64 // messages, presence and requests that no handler consumed

	Confirmed  timing.Histogram // from writing a marker until it was back
	Answered   timing.Histogram // from sending an IQ until its answer
	Unanswered atomic.Int64     // IQs whose answer came too late, or was lost with the connection
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
