package postmsg

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/httpapi"
	"stanzahook/pkg/account"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// sendTimeout bounds the wait for the confirmation.
const sendTimeout = 10 * time.Second

// send sends a message from one of our components.
//
// Killed before the 201: the caller has no answer, and repeats. After it: the XMPP
// server has the message, or it is on our disk.
func (h handler) send(r *http.Request, s *stanza.Stanza) *httpapi.Fault {
	ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
	defer cancel()
	_, err := h.Sender.Send(ctx, s, gateway.Sending{ReportBounce: true})
	return h.outcome(r, s, err)
}

// sendAs sends a message as the account that has logged in: with a component's
// privilege, else over a session of the account's own.
//
// Killed before the 201: the caller has no answer, and repeats. After it: the XMPP
// server has the message, or it is on our disk.
func (h handler) sendAs(r *http.Request, who jid.JID, s *stanza.Stanza) *httpapi.Fault {
	ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
	defer cancel()
	if p := h.Privileged; p != nil && p.Granted(who.Domain()) {
		done, err := p.Send(ctx, s)
		if done {
			return h.outcome(r, s, err)
		}
		h.repeats.Log(h.Log, zapcore.InfoLevel, "privilege", "message not sent by privilege", zap.Error(err), zap.String("hint", "it is sent over a session of its sender"),
			zap.String("host", who.Domain()), zap.String("stanza_id", s.ID), zap.String("request_id", httpapi.RequestID(r.Context())))
	}
	_, password, _ := r.BasicAuth() // authenticated by it
	err := h.Accounts.Send(ctx, who, secret.New(password), s)
	if errors.Is(err, account.ErrPassword) || errors.Is(err, account.ErrDisabled) {
		h.accounts.forget(who, password) // it was right until now
	}
	return h.outcome(r, s, err)
}

// outcome returns the refusal for an error of sending; nil: 201.
func (h handler) outcome(r *http.Request, s *stanza.Stanza, err error) *httpapi.Fault {
	switch {
	case err == nil:
		return nil
	case r.Context().Err() != nil:
		return refuse(httpapi.StatusGone, "the caller has closed the connection while the message was sent") // only in the access log
	}
	if f := httpapi.Unsent(s, err); f != nil {
		return f
	}
	if f := h.loginFailed(r, err); f != nil {
		return f
	}
	id := httpapi.RequestID(r.Context())
	h.repeats.Error(h.Log, "message not sent", zap.Error(err), zap.String("stanza_id", s.ID), zap.String("request_id", id))
	return refuse(http.StatusInternalServerError, "internal error; the log has more under request id "+id)
}

func later(status, seconds int, text string) *httpapi.Fault {
	return &httpapi.Fault{Status: status, Text: text, RetryAfter: seconds}
}

// loginFailed returns the refusal for an error of a login; nil for other errors.
func (o Options) loginFailed(r *http.Request, err error) *httpapi.Fault {
	id := httpapi.RequestID(r.Context())
	switch {
	case errors.Is(err, account.ErrPassword):
		return refuse(http.StatusUnauthorized, "Credentials not accepted: the account or its password is wrong")
	case errors.Is(err, account.ErrDisabled):
		return refuse(http.StatusForbidden, "Credentials not accepted: the XMPP server says that the account is disabled")
	case errors.Is(err, account.ErrTLS), errors.Is(err, account.ErrMechanism): // for the operator
		o.repeats.Error(o.Log, "account login impossible", zap.String("hint", "see http.basic.accounts"), zap.Error(err), zap.String("request_id", id))
		return later(http.StatusServiceUnavailable, 60, "accounts cannot log in at the XMPP server in a safe way; the log has more under request id "+id)
	case errors.Is(err, account.ErrUnreachable):
		o.repeats.Warn(o.Log, "account login failed", zap.Error(err), zap.String("request_id", id))
		return later(http.StatusServiceUnavailable, 5, "the XMPP server is unavailable for the account now; nothing was sent; try again later")
	case errors.Is(err, gateway.ErrBusy):
		return later(http.StatusServiceUnavailable, 1, "too many accounts log in at once; nothing was sent; try again in a second")
	}
	return nil
}
