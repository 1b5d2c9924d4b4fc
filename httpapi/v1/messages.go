package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Stanzas is what stanzas are sent by.
type Stanzas interface {
	// Domains are those of our components.
	Domains() []jid.JID
	// Limits are those of a stanza that leaves from an address.
	Limits(from jid.JID) stanza.Limits
	// Send takes a message or presence. It ends whether or not the caller goes.
	// Errors: gateway.ErrFull, gateway.ErrBusy, gateway.ErrRejected (it was not sent), gateway.ErrUnconfirmed (it
	// may have been).
	Send(ctx context.Context, s *stanza.Stanza, how Sending) (Outcome, error)
	// Request sends an IQ of type get or set and returns its answer, which may
	// be an error stanza. Errors: gateway.ErrDown, gateway.ErrBusy, gateway.ErrSameID, ctx's.
	Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error)
	// Message returns what became of a message of a caller; of any, if caller is
	// empty. Errors: gateway.ErrNotFound.
	Message(ctx context.Context, id, caller string) (store.SentMessage, error)
}

// Sending is how something is sent.
type Sending struct {
	Caller string
	// ReportBounce makes a bounce the answer to the caller, and no event.
	ReportBounce bool
	// Wait is how long to wait for the confirmation of what had to be stored;
	// never while there is no connection.
	Wait time.Duration
}

// Outcome is what became of a stanza.
type Outcome struct {
	State  string         // confirmed or queued
	Bounce *stanza.Stanza // the error that came back before the confirmation
}

// maxSendWait bounds how long a caller may wait for the confirmation of a message.
const maxSendWait = 60 * time.Second

// sender serves the routes that send.
type sender struct{ handler }

// otherRoutes are those that need other scopes than admin, messages, presence,
// IQs and the status, and the check.
func (h handler) otherRoutes() []httpapi.Route {
	var routes []httpapi.Route
	if h.Status != nil {
		routes = append(routes, httpapi.Route{Method: http.MethodGet, Path: "/v1/status", Handler: h.scoped("", h.showStatus)})
	}
	if h.Check != nil {
		routes = append(routes, httpapi.Route{Method: http.MethodPost, Path: "/v1/check", Handler: h.admin(h.check)})
	}
	if h.Stanzas == nil {
		return routes
	}
	s := sender{h}
	return append(routes, []httpapi.Route{
		{Method: http.MethodPost, Path: "/v1/messages", Handler: h.scoped(gateway.ScopeSend, s.postMessage)},
		{Method: http.MethodGet, Path: "/v1/messages/{id:.+}", Handler: h.scoped(gateway.ScopeSend, s.showMessage)},
		{Method: http.MethodPost, Path: "/v1/presence", Handler: h.scoped(gateway.ScopeSend, s.postPresence)},
		{Method: http.MethodPost, Path: "/v1/iq", Handler: h.scoped(gateway.ScopeQuery, s.postIQ)},
	}...)
}

// scoped lets callers pass who have a scope, all if it is empty, and writes the
// errors.
func (h handler) scoped(scope string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(nil)
		if scope != "" && !httpapi.IdentityOf(r.Context()).Can(scope) {
			err = refused{httpapi.Lacks(scope)}
		} else {
			err = serve(w, r)
		}
		if err != nil {
			httpapi.WriteProblem(w, r, h.fault(r, err))
		}
	})
}

func (s sender) postMessage(w http.ResponseWriter, r *http.Request) error {
	return s.postSend(w, r, stanza.Message)
}

// postSend serves messages and presence.
func (s sender) postSend(w http.ResponseWriter, r *http.Request, kind stanza.Kind) error {
	values, err := parameters(r, "wait")
	if err != nil {
		return err
	}
	how := Sending{Caller: httpapi.IdentityOf(r.Context()).Name}
	if how.Wait, err = duration(values.Get("wait"), "wait", 0, maxSendWait); err != nil {
		return err
	}
	how.ReportBounce = how.Wait > 0
	d, err := s.read(w, r, kind)
	if err != nil {
		return err
	}
	return s.once(w, r, d, func(ctx context.Context, x *stanza.Stanza) reply {
		// The sending ends by itself, and what became of it is to be known also
		// if the caller goes.
		out, err := s.sendHeld(context.WithoutCancel(ctx), x, how)
		switch {
		case err != nil:
			return s.problem(r, s.unsent(x, err))
		case out.Bounce != nil && how.ReportBounce:
			return s.problem(r, bounced(out.Bounce))
		case how.ReportBounce && out.State == "confirmed":
			return jsonReply(http.StatusOK, map[string]string{"id": x.ID, "state": out.State})
		}
		return jsonReply(http.StatusAccepted, map[string]string{"id": x.ID, "state": out.State})
	})
}

// sendHeld sends a stanza. Who waits for what becomes of it, and may not know it
// any more, gets the reason at once; the sending goes on.
func (s sender) sendHeld(ctx context.Context, x *stanza.Stanza, how Sending) (Outcome, error) {
	if how.Wait == 0 {
		return s.Stanzas.Send(ctx, x, how)
	}
	held, release := httpapi.Hold(ctx, httpapi.MaySend(x, s.Stanzas.Domains()))
	defer release()
	var out Outcome
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err = s.Stanzas.Send(ctx, x, how)
	}()
	select {
	case <-done:
		return out, err
	case <-held.Done():
		return Outcome{}, refused{httpapi.Lost(held)}
	}
}

// duration reads a query parameter; empty is the default.
func duration(text, name string, otherwise, most time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, wrongf("%s: %q is not a duration up to %s; write for example 5s", name, text, most)
	}
	return d, nil
}

// bounced is the problem of a stanza that came back.
func bounced(s *stanza.Stanza) error {
	return refused{httpapi.Unsent(s, &gateway.Bounced{Stanza: s})}
}

// unsent gives what kept a stanza from being sent its status.
func (s sender) unsent(x *stanza.Stanza, err error) error {
	if f := httpapi.Unsent(x, err); f != nil {
		return refused{f}
	}
	return err
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

// showMessage tells callers of their own messages, and operators of all.
func (s sender) showMessage(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	who := httpapi.IdentityOf(r.Context())
	caller := who.Name
	if who.Can(gateway.ScopeAdmin) {
		caller = ""
	}
	id := mux.Vars(r)["id"]
	m, err := s.Stanzas.Message(r.Context(), id, caller)
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: this token has sent no message with the id %q by POST /v1/messages in the last 24 hours", gateway.ErrNotFound, id)
	}
	if err != nil {
		return err
	}
	var e *stanza.Error
	if s, err := stanza.Parse(m.Stanza, stanza.Limits{MaxBytes: len(m.Stanza) + 1}); err == nil {
		e, _ = s.StanzaError()
	}
	return answer(w, http.StatusOK, messageJSON{m.ID, string(m.State), m.From, m.To, m.Time.UTC(), m.Changed.UTC(), httpapi.NewStanzaError(e)})
}
