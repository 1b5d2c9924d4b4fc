// Package happenings puts what happens in the parts of the program into the tail, which
// httpapi/v1/tail.go shows: each part calls a function of its own kind, and knows nothing of
// the tail.
package happenings

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/component"
	"stanzahook/component/commands"
	"stanzahook/component/outbox"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/tail"
	"stanzahook/pkg/webhook"
)

// Happenings puts what happens in the program into the tail. Its functions never wait.
type Happenings struct {
	*tail.Tail
	strangers strangers
}

// New returns happenings that nobody reads.
func New() *Happenings { return &Happenings{Tail: tail.New(webhook.WithoutQuotes)} }

// Watch is for deliveries and endpoints.
func (h *Happenings) Watch() delivery.Watch {
	return delivery.Watch{
		OnChange: func(c delivery.Change) {
			d := tail.Delivery{Time: c.Time, ID: c.ID, Endpoint: c.Endpoint, State: string(c.State), Type: c.Type, From: c.From, To: c.To, Reason: c.Reason}
			if a := c.Attempt; a != nil {
				d.N, d.Status, d.Took, d.Error, d.Note = max(1, c.N), a.Status, a.Duration, a.Error, a.Note
			}
			h.Delivery(&d)
		},
		OnState: func(endpoint, state, reason string) {
			h.Endpoint(tail.Endpoint{Endpoint: endpoint, State: state, Reason: reason})
		},
	}
}

// OnState is component.Options.OnState.
func (h *Happenings) OnState(st component.Status) {
	h.Link(tail.Link{Component: st.Domain, State: string(st.State), Reason: st.Reason})
}

// OnEnd is roster.Options.OnEnd.
func (h *Happenings) OnEnd(o roster.Outcome) {
	h.Roster(tail.Roster{User: o.Owner.String(), Result: string(o.Result), Detail: o.Detail})
}

// outboxPause is how often an outbox is reported at most: a stanza that comes or goes is
// no event, what waits then is.
const outboxPause = 250 * time.Millisecond

// Changed returns outbox.Outbox.Changed.
func (h *Happenings) Changed(domain string, box *outbox.Outbox) func() {
	var pending atomic.Bool
	var told atomic.Int64 // the last count
	return func() {
		if pending.Swap(true) {
			return
		}
		time.AfterFunc(outboxPause, func() {
			pending.Store(false)
			if n := box.Waiting(); told.Swap(int64(n)) != int64(n) {
				h.Outbox(tail.Outbox{Component: domain, Count: n, Bytes: box.Bytes()})
			}
		})
	}
}

// OnRoom is rooms.Options.OnState.
func (h *Happenings) OnRoom(room, bot jid.JID, state muc.State, why stanza.Condition) {
	h.Room(tail.Room{Room: room.String(), From: bot.String(), State: string(state), Condition: string(why)})
}

// OnHook is hooks.Options.OnRequest.
func (h *Happenings) OnHook(to *hooks.Hook, r *hooks.Request) {
	h.Hook(tail.Hook{Hook: to.Name, Adapter: to.Adapter, Result: string(r.Result), Messages: r.Count})
}

// OnRun is commands.Options.OnRun.
func (h *Happenings) OnRun(x *commands.Command, r commands.Run) {
	h.Command(tail.Command{Command: x.Node, Endpoint: x.Asks, From: r.From.String(), Bot: r.Bot.String(), Room: r.Room.String(), By: r.By(), Result: r.Result.String(), Reason: r.Error, Step: r.Step, Took: r.Took})
}

// OnRequest is httpapi.Options.OnRequest.
func (h *Happenings) OnRequest(r httpapi.Request) {
	switch {
	case r.Caller == "" && !h.strangers.may(time.Now().Unix()):
		return
	case r.Route == v1.ListenHere && r.Status == http.StatusNoContent: // one every few seconds says nothing
		return
	}
	h.Request(tail.Request{Token: r.Caller, Method: r.Method, Route: r.Route, Status: r.Status, Took: r.Took})
}

// maxStrangers bounds the requests a second without a known token that are shown: anybody
// can send any number, and would push everything else out.
const maxStrangers = 10

// strangers counts requests without a known token.
type strangers struct {
	mu     sync.Mutex
	second int64
	n      int
}

// may counts a request in a second, and reports whether it is shown.
func (s *strangers) may(second int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.second != second {
		s.second, s.n = second, 0
	}
	s.n++
	return s.n <= maxStrangers
}
