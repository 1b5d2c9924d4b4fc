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
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/upload"
)

// maxSendWait bounds how long a caller may wait for the confirmation of a message.
const maxSendWait = 60 * time.Second

// messages serves messages and presence.
type messages struct {
	sender gateway.Sender
	sent   func(ctx context.Context, id, caller string) (store.SentMessage, error)
	news   func() <-chan struct{} // closed when a message has another state
	recent *message.Recent
	now    clock
	rooms  Rooms // nil: no bot is kept in a room
	// uploads has the files that go with messages; nil: none do.
	uploads *upload.Uploads
	idempotent
	errorLog
}

func (m messages) routes(e errorLog) []httpapi.Route {
	route := func(method, path string, read func(http.ResponseWriter, *http.Request) (*draft, error), known ...string) httpapi.Route {
		return e.route(method, path, gateway.ScopeSend, with(m.post(read), known...))
	}
	post := route(http.MethodPost, "/v1/messages", func(w http.ResponseWriter, r *http.Request) (*draft, error) {
		return m.compose(w, r, &message.Draft{}, nil)
	}, "wait", "wait_for", "join")
	post.Stream = m.streams
	return []httpapi.Route{
		post,
		e.route(http.MethodGet, "/v1/messages/{id:.+}", gateway.ScopeSend, with(m.show, "wait", "wait_for")),
		route(http.MethodPatch, "/v1/messages/{id:.+}", m.by(message.Correction), "wait"),
		route(http.MethodDelete, "/v1/messages/{id:.+}", m.by(message.Retraction), "wait"),
		route(http.MethodPut, "/v1/messages/{id:.+}/reactions", m.reactions, "wait"),
		route(http.MethodPost, "/v1/presence", func(w http.ResponseWriter, r *http.Request) (*draft, error) {
			return read(w, r, stanza.Presence, m.sender)
		}, "wait"),
	}
}

// pathRef is the reference, or id, in the path of a request.
func pathRef(r *http.Request) string { return mux.Vars(r)["id"] }

// sentJSON is the answer of a message or presence that was sent.
type sentJSON struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Ref    string `json:"ref,omitempty"`
	Reply  *bool  `json:"reply,omitempty"`
	Quoted *bool  `json:"quoted,omitempty"`

	Files []sentFileJSON `json:"files,omitempty"`
}

// post sends a stanza. Presence with muc joins a room (XEP-0045 section 7.2); the
// answers of the room and what is said there go to the endpoints.
func (m messages) post(read func(http.ResponseWriter, *http.Request) (*draft, error)) func(http.ResponseWriter, *http.Request, url.Values) error {
	return func(w http.ResponseWriter, r *http.Request, values url.Values) (err error) {
		how := gateway.Sending{Caller: httpapi.IdentityOf(r.Context()).Name}
		if how.Wait, err = duration(values, "wait", 0, maxSendWait); err != nil {
			return err
		}
		how.ReportBounce = how.Wait > 0
		goal, err := goalOf(values)
		if err != nil {
			return err
		}
		join, err := flag(values, "join")
		if err != nil {
			return err
		}
		d, err := read(w, r)
		if err != nil {
			return err
		}
		if join {
			if err := m.mayJoin(r, d); err != nil {
				return err
			}
		}
		return m.serve(w, r, d, func(ctx context.Context, s *stanza.Stanza) reply {
			began := time.Now()
			var following []*stanza.Stanza // the messages of the files
			if d.sharing != nil {
				all, err := m.upload(ctx, r, d)
				if err != nil {
					return refusal(r, m.fault(r, err))
				}
				s, following = all[0], all[1:]
			}
			v := sentJSON{ID: s.ID}
			if s.Kind == stanza.Message {
				v.Ref = d.ref().String()
				how.Ref, how.Edits = v.Ref, d.about.ID
			}
			if join {
				if err := m.join(ctx, s, how.Wait); err != nil {
					return refusal(r, m.fault(r, err))
				}
				how.Wait = left(how.Wait, began)
			}
			how.Echo = how.Wait > 0 && (goal == "" || goal == store.SentEchoed) && s.Type == "groupchat" && m.isIn(s.To, s.From)
			// Send ends by itself, and its result is recorded also if the caller goes.
			state, err := m.send(context.WithoutCancel(ctx), s, how)
			if err != nil {
				return m.problem(r, s, err)
			}
			if d.sharing != nil {
				left := how
				left.Wait = min(how.Wait, max(time.Millisecond, how.Wait-time.Since(began)))
				v.Files = m.sendFiles(ctx, d, s, state, following, left)
			}
			if goal != "" {
				state = m.await(ctx, s.ID, how.Caller, goal, left(how.Wait, began), state)
			}
			if no := false; d.written.NoReply {
				v.Reply = &no
			}
			if no := false; d.written.NotQuote {
				v.Quoted = &no
			}
			status := http.StatusAccepted
			if how.ReportBounce && state != gateway.Queued || r.Method != http.MethodPost || goal != "" {
				status = http.StatusOK
			}
			v.State = string(state)
			return reply{status: status, media: "application/json", body: httpapi.JSON(v)}
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
	return refusal(r, f)
}

func refusal(r *http.Request, f *httpapi.Fault) reply {
	return reply{f.Status, httpapi.ProblemType, f.Problem(r.Context()), f.RetryAfter}
}

type messageJSON struct {
	ID        string               `json:"id"`
	Ref       string               `json:"ref,omitempty"`
	State     string               `json:"state"`
	From      string               `json:"from"`
	To        string               `json:"to"`
	Time      time.Time            `json:"time"`
	Changed   time.Time            `json:"changed"`
	Received  *time.Time           `json:"received"`
	Displayed *time.Time           `json:"displayed"`
	Error     *httpapi.StanzaError `json:"stanza_error"`
}

// find returns a message of the caller; for operators, of any.
func (m messages) find(r *http.Request, id string) (store.SentMessage, error) {
	who := httpapi.IdentityOf(r.Context())
	caller := who.Name
	if who.Can(gateway.ScopeAdmin) {
		caller = ""
	}
	found, err := m.sent(r.Context(), id, caller)
	if errors.Is(err, gateway.ErrNotFound) {
		err = fmt.Errorf("%w: this token sent no message with the id %q by POST /v1/messages in the last 24 hours", gateway.ErrNotFound, id)
	}
	return found, err
}

// show shows callers their own messages, and operators all.
func (m messages) show(w http.ResponseWriter, r *http.Request, values url.Values) error {
	wait, err := duration(values, "wait", 0, maxSendWait)
	if err != nil {
		return err
	}
	goal, err := goalOf(values)
	if err != nil {
		return err
	}
	id := pathRef(r)
	if message.IsRef(id) {
		ref, err := m.ref(r, id)
		if err != nil {
			return err
		}
		id = ref.ID
	}
	found, err := m.find(r, id)
	if err != nil {
		return err
	}
	if goal != "" {
		m.await(r.Context(), id, found.Caller, goal, wait, "")
		if found, err = m.find(r, id); err != nil {
			return err
		}
	}
	var e *stanza.Error
	if s, err := stanza.Parse(found.Stanza, stanza.Limits{MaxBytes: len(found.Stanza) + 1}); err == nil {
		e, _ = s.StanzaError()
	}
	return answer(w, http.StatusOK, messageJSON{found.ID, found.Ref, string(found.State), found.From, found.To, found.Time.UTC(), found.Changed.UTC(),
		optional(found.Received), optional(found.Displayed), httpapi.NewStanzaError(e)})
}
