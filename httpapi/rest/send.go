package rest

import (
	"context"
	"net/http"

	"stanzahook/pkg/stanza"
)

// Sender sends messages and presence. Send returns nil when the XMPP server has
// the stanza, or when it is stored and will be sent when there is a connection.
// Its other ends are gateway.ErrDown, gateway.ErrBusy, gateway.ErrFull and gateway.ErrRejected (it was not sent),
// gateway.ErrUnconfirmed or ctx's error (it may have been), *gateway.Bounced (it came back before
// that was decided), and errors that are ours.
type Sender interface {
	Send(ctx context.Context, s *stanza.Stanza) error
}

// send answers 202 with no body when the stanza is taken, and 200 with the error
// stanza when it bounced meanwhile, as mod_rest does.
//
// Killed before the 202: the caller has no answer and repeats with the same id.
// After it: the stanza is the XMPP server's, or on our disk.
func (h handler) send(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	ctx, cancel := context.WithTimeout(r.Context(), h.SendTimeout)
	defer cancel()
	if err := h.Sender.Send(ctx, s); err != nil {
		h.unsent(w, r, s, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
