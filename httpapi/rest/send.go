package rest

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
)

// Sender sends messages and presence. Send returns nil when the XMPP server has
// the stanza, or when it is stored and will be sent when there is a connection.
// Its other ends are ErrDown, ErrBusy, ErrFull and ErrRejected (it was not sent),
// ErrUnconfirmed or ctx's error (it may have been), *Bounced (it came back before
// that was decided), and errors that are ours.
type Sender interface {
	Send(ctx context.Context, s *stanza.Stanza) error
}

// How Sender and Requester say what kept them from their work.
var (
	ErrDown        = httpapi.ErrDown
	ErrBusy        = httpapi.ErrBusy
	ErrRejected    = httpapi.ErrRejected
	ErrFull        = httpapi.ErrFull
	ErrUnconfirmed = httpapi.ErrUnconfirmed
)

// Bounced means that a stanza came back while it was sent.
type Bounced = httpapi.Bounced

// send answers 202 with no body when the stanza is taken, and 200 with the error
// stanza when it bounced meanwhile, as mod_rest does.
//
// When it is neither confirmed in time nor could be stored, nobody knows whether
// it will arrive. The answer is 503 and not 504: 504 is what this surface says of
// an IQ whose peer is silent, while here the server is, and coming again later is
// right. The text gives the id, ours where the caller gave none, so that a
// repetition can be told from a second stanza by who receives both.
//
// Killed before the 202: the caller has no answer and repeats with the same id.
// After it: the stanza is the XMPP server's, or on our disk.
func (h handler) send(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	ctx, cancel := context.WithTimeout(r.Context(), h.SendTimeout)
	defer cancel()
	err := h.Sender.Send(ctx, s)
	var back *Bounced
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &back):
		writeStanza(w, r, back.Stanza)
	case r.Context().Err() != nil:
		callerGone.because("while the stanza was sent").write(w, r)
	case errors.Is(err, ErrUnconfirmed), errors.Is(err, context.DeadlineExceeded):
		unconfirmed.because("it may or may not arrive; send it again with the same id, %q", s.ID).write(w, r)
	case errors.Is(err, ErrRejected):
		rejected.because("it was most likely too large for the server; the log of stanzahook says more").write(w, r)
	case errors.Is(err, ErrFull):
		outboxFull.because("nothing was sent; the connection to the XMPP server has been away for long, see /readyz").write(w, r)
	default:
		h.failed(w, r, s, err)
	}
}

// failed answers for the errors that sending and asking have in common.
func (h handler) failed(w http.ResponseWriter, r *http.Request, s *stanza.Stanza, err error) {
	if often, ok := errors.AsType[*httpapi.TooOften](err); ok {
		f := tooOften.because("%v; nothing was sent", often)
		f.retryAfter = often.Seconds()
		f.write(w, r)
		return
	}
	switch {
	case errors.Is(err, ErrDown) && s.Kind == stanza.IQ:
		notConnected.because("the query was not answered; send it again later").write(w, r)
	case errors.Is(err, ErrDown):
		notConnected.because("nothing was sent; send it again later").write(w, r)
	case errors.Is(err, ErrBusy):
		overloaded.because("nothing was sent; send it again in a second").write(w, r)
	default:
		id := httpapi.RequestID(r.Context())
		h.Log.Error("a stanza could not be sent", zap.Error(err), zap.Stringer("kind", s.Kind),
			zap.String("stanza_id", s.ID), zap.String("request_id", id))
		internal.because("the log has more under request id %s", id).write(w, r)
	}
}
