package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// maxSendWait bounds how long a caller may wait for the confirmation of a message.
const maxSendWait = 60 * time.Second

// messages serves messages and presence.
type messages struct {
	sender gateway.Sender
	sent   func(ctx context.Context, id, caller string) (store.SentMessage, error)
	idempotent
	errorLog
}

func (m messages) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.route(http.MethodPost, "/v1/messages", gateway.ScopeSend, with(m.post(stanza.Message), "wait")),
		e.route(http.MethodGet, "/v1/messages/{id:.+}", gateway.ScopeSend, without(m.show)),
		e.route(http.MethodPost, "/v1/presence", gateway.ScopeSend, with(m.post(stanza.Presence), "wait")),
	}
}

// post sends a stanza. Presence with muc joins a room (XEP-0045 section 7.2); the
// answers of the room and what is said there go to the endpoints.
func (m messages) post(kind stanza.Kind) func(http.ResponseWriter, *http.Request, url.Values) error {
	return func(w http.ResponseWriter, r *http.Request, values url.Values) (err error) {
		how := gateway.Sending{Caller: httpapi.IdentityOf(r.Context()).Name}
		if how.Wait, err = duration(values, "wait", 0, maxSendWait); err != nil {
			return err
		}
		how.ReportBounce = how.Wait > 0
		d, err := read(w, r, kind, m.sender)
		if err != nil {
			return err
		}
		return m.serve(w, r, d, func(ctx context.Context, s *stanza.Stanza) reply {
			// Send ends by itself, and its result is recorded also if the caller goes.
			state, err := m.send(context.WithoutCancel(ctx), s, how)
			if err != nil {
				return m.problem(r, s, err)
			}
			status := http.StatusAccepted
			if how.ReportBounce && state == gateway.Confirmed {
				status = http.StatusOK
			}
			return reply{status: status, media: "application/json", body: httpapi.JSON(map[string]string{"id": s.ID, "state": string(state)})}
		})
	}
}

// send sends a stanza. A caller that waits for the confirmation and loses the right to
// send meanwhile gets the reason at once; Send goes on.
func (m messages) send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (state gateway.State, err error) {
	if how.Wait == 0 {
		return m.sender.Send(ctx, s, how)
	}
	held, release := httpapi.Hold(ctx, httpapi.MaySend(s, m.sender.Domains()))
	defer release()
	done := make(chan struct{})
	go func() {
		defer close(done)
		state, err = m.sender.Send(ctx, s, how)
	}()
	select {
	case <-done:
		return state, err
	case <-held.Done():
		return "", httpapi.Lost(held)
	}
}

// problem is the reply to an error of sending s.
func (e errorLog) problem(r *http.Request, s *stanza.Stanza, err error) reply {
	f := httpapi.Unsent(s, err)
	if f == nil {
		f = e.fault(r, err)
	}
	return reply{f.Status, httpapi.ProblemType, f.Problem(r.Context()), f.RetryAfter}
}

type messageJSON struct {
	ID      string               `json:"id"`
	State   string               `json:"state"`
	From    string               `json:"from"`
	To      string               `json:"to"`
	Time    time.Time            `json:"time"`
	Changed time.Time            `json:"changed"`
	Error   *httpapi.StanzaError `json:"stanza_error"`
}

// show shows callers their own messages, and operators all.
func (m messages) show(w http.ResponseWriter, r *http.Request) error {
	who := httpapi.IdentityOf(r.Context())
	caller := who.Name
	if who.Can(gateway.ScopeAdmin) {
		caller = ""
	}
	id := mux.Vars(r)["id"]
	found, err := m.sent(r.Context(), id, caller)
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: this token sent no message with the id %q by POST /v1/messages in the last 24 hours", gateway.ErrNotFound, id)
	}
	if err != nil {
		return err
	}
	var e *stanza.Error
	if s, err := stanza.Parse(found.Stanza, stanza.Limits{MaxBytes: len(found.Stanza) + 1}); err == nil {
		e, _ = s.StanzaError()
	}
	return answer(w, http.StatusOK, messageJSON{found.ID, string(found.State), found.From, found.To, found.Time.UTC(), found.Changed.UTC(), httpapi.NewStanzaError(e)})
}
