package hooks

import (
	"strings"
	"time"
)

// Result is what became of a request of a tool.
type Result string

// The results.
const (
	Sent     Result = "sent"     // every message is at the XMPP server, or on disk
	Partly   Result = "partly"   // some messages could not be sent
	Empty    Result = "empty"    // nothing to send: the text is empty, or the event is not wanted
	Repeated Result = "repeated" // it was answered before, and nothing was sent again
	Refused  Result = "refused"  // the request is wrong; the tool should not repeat it
	Failed   Result = "failed"   // nothing could be sent, or too much came; the tool may repeat it
)

// Request is what became of one request of a tool that was authenticated. It has neither
// what the tool has posted nor what was sent.
type Request struct {
	Time     time.Time
	ID       string // by which the tool was answered; empty: nothing was sent
	Result   Result
	Error    string    // why it was refused or not sent
	Messages []Message // not to be changed
	Count    int       // of messages, of which Messages has the first
}

// Message is what became of one message of a request when the request was answered. What
// became of it later is the state of the message.
type Message struct{ To, ID, State, Error string }

// Bounds of what is kept of requests, in memory: what a process has seen is not known to
// the next one. Each hook has the same share of maxRequests, and at most hookRequests.
const (
	maxRequests     = 5000 // of all hooks
	hookRequests    = 50   // of one
	requestMessages = 10   // of a request
	maxRequestError = 256  // bytes
)

// share is how many requests are kept of each of so many hooks.
func share(hooks int) int { return max(1, min(hookRequests, maxRequests/max(1, hooks))) }

// newRequest returns what is kept of an outcome.
func newRequest(o *outcome, now time.Time) *Request {
	r := &Request{Time: now, ID: o.id, Result: o.result(), Error: cut(o.text), Count: len(o.messages)}
	for _, m := range o.messages[:min(len(o.messages), requestMessages)] {
		r.Messages = append(r.Messages, Message{m.To, m.ID, m.State, cut(m.Error)})
	}
	return r
}

// cut shortens an error.
func cut(s string) string {
	if len(s) <= maxRequestError {
		return s
	}
	return strings.ToValidUTF8(s[:maxRequestError], "") + "…"
}

// result returns the word for an outcome.
func (o *outcome) result() Result {
	switch {
	case o.status >= 500:
		return Failed
	case o.failed():
		return Refused
	case o.repeated:
		return Repeated
	case len(o.messages) == 0:
		return Empty
	case o.text != "":
		return Partly
	}
	return Sent
}

// keep keeps a request, and forgets what is over the share of its hook. s.mu is held.
func (s *status) keep(r *Request, share int) {
	s.requests = append(s.requests, r)
	if over := len(s.requests) - share; over > 0 {
		clear(s.requests[:over])
		s.requests = s.requests[over:]
	}
}

// Requests returns the latest requests of a hook, the newest first. Requests with a wrong secret or signature are not among them: anybody can
// send those, and they would push out the others.
func (s *Statuses) Requests(name string) []Request {
	s.mu.Lock()
	one := s.hooks[name]
	s.mu.Unlock()
	if one == nil {
		return nil
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	all := make([]Request, 0, len(one.requests))
	for i := len(one.requests) - 1; i >= 0; i-- {
		all = append(all, *one.requests[i])
	}
	return all
}
