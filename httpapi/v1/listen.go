package v1

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/signature"
)

// Listeners are the temporary endpoints of those who listen: their requests go to a caller
// of this API, who answers them.
type Listeners interface {
	Listen(ctx context.Context, ask Listen) (Listener, error)
	// AnswerListen answers a request of a listener. Error: gateway.ErrNotFound.
	AnswerListen(listener, request string, answer ListenAnswer) error
	// HearListen notes that a listener is there. Error: gateway.ErrNotFound.
	HearListen(listener string) error
}

// Listen says what a temporary endpoint gets.
type Listen struct {
	To     jid.JID          // a bare address
	Copy   bool             // copies, beside the endpoint that answers
	Secret signature.Secret // that the requests are signed with
	Caller string           // whose listener it is; empty: nobody's in particular
}

// Listener is a temporary endpoint.
type Listener interface {
	Name() string
	// Next returns the next request; nil if ctx ended, or the listener is to be asked
	// whether it is still there. Errors: ErrTakenOver, ErrListenerSilent, gateway.ErrStopping.
	Next(ctx context.Context) (*ListenRequest, error)
	// Close ends the endpoint.
	Close()
}

// Errors of Listener.Next.
var (
	ErrTakenOver      = errors.New("another listener with this token has taken the address over")
	ErrListenerSilent = errors.New("the listener was silent: it neither answered a request nor said that it is there")
)

// ListenRequest is a request of a temporary endpoint.
type ListenRequest struct {
	ID     string            `json:"id"`
	Header map[string]string `json:"headers"`
	Body   string            `json:"body"`
}

// ListenAnswer is the answer to a request; with an error there was none.
type ListenAnswer struct {
	Status          int    `json:"status"`
	ContentType     string `json:"content_type"`
	ContentEncoding string `json:"content_encoding"`
	RetryAfter      string `json:"retry_after"`
	Body            []byte `json:"body"`   // in base64
	Length          int    `json:"length"` // of a body that is too long to be passed on, in place of Body
	Error           string `json:"error"`
}

// ListenHere is where a listener says that it is there.
const ListenHere = "/v1/listen/{name}/here"

// listening serves /v1/listen.
type listening struct{ all Listeners }

func (x listening) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.route(http.MethodPost, "/v1/listen", gateway.ScopeAdmin, without(x.listen)),
		e.route(http.MethodPost, "/v1/listen/{name}/answers/{id}", gateway.ScopeAdmin, without(x.answer)),
		e.route(http.MethodPost, ListenHere, gateway.ScopeAdmin, without(x.hear)),
	}
}

// listen makes a temporary endpoint, and answers with its requests until the caller goes,
// or loses the scope. Then the endpoint ends.
func (x listening) listen(w http.ResponseWriter, r *http.Request) error {
	ask, err := readListen(w, r)
	if err != nil {
		return err
	}
	if who := httpapi.IdentityOf(r.Context()); !who.AllScopes { // who needs no token is nobody in particular
		ask.Caller = who.Name
	}
	l, err := x.all.Listen(r.Context(), ask)
	if err != nil {
		return err
	}
	defer l.Close()
	stream{
		first: event("listening", map[string]string{"endpoint": l.Name()}),
		beat:  event("ping", struct{}{}),
		may:   httpapi.Needs(gateway.ScopeAdmin),
		next: func(ctx context.Context) ([]byte, error) {
			q, err := l.Next(ctx)
			if q == nil {
				return nil, err
			}
			return event("request", q), err
		},
	}.serve(w, r)
	return nil
}

func readListen(w http.ResponseWriter, r *http.Request) (ask Listen, err error) {
	var given struct {
		To     string `json:"to"`
		Copy   bool   `json:"copy"`
		Secret string `json:"secret"`
	}
	if err := body(w, r, &given); err != nil {
		return ask, err
	}
	if ask.To, err = jid.Parse(given.To); err != nil {
		return ask, wrongf("to: %v", err)
	}
	if !ask.To.IsBare() {
		return ask, wrongf("to: %q has a resource; write the bare address %s", given.To, ask.To.Bare())
	}
	if strings.Contains(given.To, "*") {
		return ask, wrongf("to: %q has a *; one address is listened to, write it out", given.To)
	}
	if ask.Secret, err = signature.ParseSecret(given.Secret); err != nil {
		return ask, wrongf("secret: %v", err)
	}
	ask.Copy = given.Copy
	return ask, nil
}

func (x listening) answer(w http.ResponseWriter, r *http.Request) error {
	var a ListenAnswer
	if err := body(w, r, &a); err != nil {
		return err
	}
	if a.Error == "" && (a.Status < 200 || a.Status > 599) {
		return wrongf("status: %d is not the status of an answer", a.Status)
	}
	if a.Length < 0 {
		return wrongf("length: %d is no number of bytes", a.Length)
	}
	if err := x.all.AnswerListen(mux.Vars(r)["name"], mux.Vars(r)["id"], a); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (x listening) hear(w http.ResponseWriter, r *http.Request) error {
	if err := x.all.HearListen(mux.Vars(r)["name"]); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
