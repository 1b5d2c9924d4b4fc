package v1

import (
	"context"
	"net/http"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// HookRequest is what became of a request to a hook. It has neither what the tool has posted
// nor what was sent.
type HookRequest struct {
	Time     time.Time
	ID       string // of the answer; empty: nothing was sent
	Result   string // see httpapi/hooks
	Error    string
	Messages []HookRequestMessage
	Count    int // of messages, of which Messages has the first
}

// HookRequestMessage is a message of a request to a hook, as it was when the request was
// answered.
type HookRequestMessage struct{ To, ID, State, Error string }

type hookRequestJSON struct {
	Time     time.Time                `json:"time"`
	ID       *string                  `json:"id"`
	Result   string                   `json:"result"`
	Error    *string                  `json:"error"`
	Count    int                      `json:"count"`
	Messages []hookRequestMessageJSON `json:"messages"`
}

type hookRequestMessageJSON struct {
	To    string  `json:"to"`
	ID    string  `json:"id"`
	State string  `json:"state"`
	Error *string `json:"error"`
}

// requests shows the latest requests of a hook, with what became of their messages until
// now.
func (p hooks) requests(w http.ResponseWriter, r *http.Request) error {
	all, err := p.all.Requests(p.name(r))
	if err != nil {
		return p.missing(r, err)
	}
	items := make([]hookRequestJSON, len(all))
	for i, one := range all {
		items[i] = hookRequestJSON{one.Time.UTC(), optional(one.ID), one.Result, optional(one.Error), one.Count, []hookRequestMessageJSON{}}
		for _, m := range one.Messages {
			p.follow(r.Context(), &m)
			items[i].Messages = append(items[i].Messages, hookRequestMessageJSON{m.To, m.ID, m.State, optional(m.Error)})
		}
	}
	return answer(w, http.StatusOK, newPage(items, ""))
}

// follow fills in the state of a message that was accepted, as long as it is known: for 24
// hours.
func (p hooks) follow(ctx context.Context, m *HookRequestMessage) {
	if p.sent == nil || m.Error != "" {
		return
	}
	now, err := p.sent(ctx, m.ID, "")
	if err != nil || now.To != m.To {
		return
	}
	m.State = string(now.State)
	if now.State != store.SentBounced {
		return
	}
	s, err := stanza.Parse(now.Stanza, stanza.Limits{MaxBytes: len(now.Stanza) + 1})
	if err != nil {
		return
	}
	if e, _ := s.StanzaError(); e != nil {
		m.Error = string(e.Condition)
		if e.Text != "" {
			m.Error += ": " + e.Text
		}
	}
}
