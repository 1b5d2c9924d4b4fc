package rest

import (
	"net/http"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// outcomes are the forms of outcomes that mod_rest's table of errors does not have. The
// status and Retry-After are those of the outcome, and its hint ends the text.
var outcomes = map[gateway.Result]fault{
	gateway.Throttled:    {kind: stanza.Wait, condition: "policy-violation", text: "Too many stanzas between two addresses of our own"},
	gateway.NotConnected: {kind: stanza.Wait, condition: "service-unavailable", text: "No connection to the XMPP server"},
	gateway.Overloaded:   {kind: stanza.Wait, condition: "resource-constraint", text: "Too many stanzas wait for the XMPP server"},
	gateway.Rejected:     {kind: stanza.Modify, condition: "policy-violation", text: "The XMPP server does not take this stanza"},
	gateway.Unconfirmed:  {kind: stanza.Wait, condition: "remote-server-timeout", text: "The XMPP server has not confirmed the stanza in time"},
	gateway.NoRoom:       {kind: stanza.Wait, condition: "resource-constraint", text: "The outbox is full"},
	gateway.Duplicate:    {kind: stanza.Cancel, condition: "conflict", text: "Conflict"},
	gateway.TooLong:      {kind: stanza.Modify, condition: "resource-constraint", text: "The archive has more than fits one answer"},
	gateway.TimedOut:     {kind: stanza.Wait, condition: "remote-server-timeout", text: "IQ stanza timed out"}, // mod_rest's text alone, which programs compare; its status there: 500
}

// unsent answers an error of sending or asking. A stanza that came back is 200, as in
// mod_rest.
func (h handler) unsent(w http.ResponseWriter, r *http.Request, s *stanza.Stanza, err error) {
	o := gateway.OutcomeOf(s, err)
	f, known := outcomes[o.Result]
	switch {
	case r.Context().Err() != nil && o.Result != gateway.CameBack:
		callerGone.because("while the %s stanza was under way", s.Kind).write(w, r)
	case o.Result == gateway.CameBack:
		writeStanza(w, r, o.Bounce)
	case !known:
		id := httpapi.RequestID(r.Context())
		h.Log.Error("stanza not sent", zap.Error(err), zap.Stringer("kind", s.Kind),
			zap.String("stanza_id", s.ID), zap.String("request_id", id))
		internal.because("the log has more under request id %s", id).write(w, r)
	default:
		f.status, f.retryAfter = o.Status, o.RetryAfter
		if o.Hint != "" {
			f.text += ": " + o.Hint
		}
		f.write(w, r)
	}
}
