package sending

import (
	"context"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// sending sends a stanza of a caller: that of an outbox, or of messages to rooms.
type sending = func(ctx context.Context, caller string, s *stanza.Stanza) (gateway.State, error)

// give sends the stanza of a request. At debug it logs the stanza and its outcome, so that a
// request and its stanza lead to each other; else it costs nothing.
func give(ctx context.Context, log *zap.Logger, send sending, s *stanza.Stanza) (gateway.State, error) {
	if !log.Core().Enabled(zap.DebugLevel) {
		return send(ctx, httpapi.IdentityOf(ctx).Name, s)
	}
	about := ofRequest(ctx, s)
	log.Debug("stanza send started", about...)
	state, err := send(ctx, httpapi.IdentityOf(ctx).Name, s)
	log.Debug("stanza send finished", append(about, zap.String("state", string(state)), zap.Error(err))...)
	return state, err
}

// ask sends the IQ of a request, and logs it as give does.
func ask(ctx context.Context, log *zap.Logger, l *component.Link, s *stanza.Stanza) (*stanza.Stanza, error) {
	if !log.Core().Enabled(zap.DebugLevel) {
		return l.Request(ctx, s)
	}
	about := ofRequest(ctx, s)
	log.Debug("stanza send started", about...)
	answer, err := l.Request(ctx, s)
	if answer != nil {
		about = append(about, zap.String("answer", answer.Type))
	}
	log.Debug("stanza send finished", append(about, zap.Error(err))...)
	return answer, err
}

// ofRequest are the fields by which what a request sends can be followed.
func ofRequest(ctx context.Context, s *stanza.Stanza) []zap.Field {
	return []zap.Field{
		zap.String("component", s.From.Domain()), zap.Stringer("kind", s.Kind),
		zap.String("stanza_id", s.ID), zap.String("request_id", httpapi.RequestID(ctx)),
	}
}
