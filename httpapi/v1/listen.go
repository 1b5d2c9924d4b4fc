package v1

import (
	"cmp"
	"context"
	"net/http"
	"time"

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
}

// Listen says what a temporary endpoint gets.
type Listen struct {
	To     jid.JID          // a bare address
	Copy   bool             // copies, beside the endpoint that answers
	Secret signature.Secret // that the requests are signed with
}

// Listener is a temporary endpoint.
type Listener interface {
	Name() string
	// Next returns the next request; nil if none came within wait, or ctx ended. Error:
	// gateway.ErrStopping.
	Next(ctx context.Context, wait time.Duration) (*ListenRequest, error)
	// Close ends the endpoint.
	Close()
}

// ListenRequest is a request of a temporary endpoint.
type ListenRequest struct {
	ID     string            `json:"id"`
	Header map[string]string `json:"headers"`
	Body   string            `json:"body"`
}

// ListenAnswer is the answer to a request; with an error there was none.
type ListenAnswer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	RetryAfter  string `json:"retry_after"`
	Body        []byte `json:"body"` // in base64
	Error       string `json:"error"`
}

// listenBeat is how often a stream of requests has something to write: so long a listener
// that is gone keeps its endpoint at most, and some seconds.
const listenBeat = 5 * time.Second

// listening serves /v1/listen.
type listening struct{ all Listeners }

func (x listening) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.route(http.MethodPost, "/v1/listen", gateway.ScopeAdmin, without(x.listen)),
		e.route(http.MethodPost, "/v1/listen/{name}/answers/{id}", gateway.ScopeAdmin, without(x.answer)),
	}
}

// listen makes a temporary endpoint, and answers with its requests until the caller goes,
// or loses the scope. Then the endpoint ends.
func (x listening) listen(w http.ResponseWriter, r *http.Request) error {
	ask, err := readListen(w, r)
	if err != nil {
		return err
	}
	l, err := x.all.Listen(r.Context(), ask)
	if err != nil {
		return err
	}
	defer l.Close()
	s := beginStream(w)
	may := httpapi.Needs(gateway.ScopeAdmin)
	ctx, release := httpapi.Hold(r.Context(), may)
	defer release()
	for ok := s.write("event: listening\ndata: " + string(httpapi.JSON(map[string]string{"endpoint": l.Name()})) + "\n"); ok; {
		q, err := l.Next(ctx, listenBeat)
		if f := cmp.Or(httpapi.Lost(ctx), httpapi.Still(ctx, may)); f != nil {
			s.end(endOfRight(f))
			return nil
		}
		switch {
		case r.Context().Err() != nil:
			return nil
		case err != nil:
			s.end(ended{"stopping", err.Error()})
			return nil
		case q == nil:
			ok = s.write(": heartbeat\n\n")
		default:
			ok = s.write("event: request\ndata: " + string(httpapi.JSON(q)) + "\n")
		}
	}
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
	if err := x.all.AnswerListen(mux.Vars(r)["name"], mux.Vars(r)["id"], a); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
