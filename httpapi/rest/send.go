package rest

import (
	"context"
	"net/http"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// sendTimeout bounds the wait for the confirmation.
const sendTimeout = 10 * time.Second

// send answers 202 with no body if the stanza was accepted, and 200 with the error
// stanza if it bounced meanwhile, as mod_rest does.
//
// Killed before the 202: the caller has no answer and repeats with the same id.
// After it: the XMPP server has the stanza, or it is on our disk.
func (h handler) send(w http.ResponseWriter, r *http.Request, s *stanza.Stanza) {
	ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
	defer cancel()
	if _, err := h.Sender.Send(ctx, s, gateway.Sending{ReportBounce: true}); err != nil {
		h.unsent(w, r, s, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
