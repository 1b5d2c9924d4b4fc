package app

import (
	"context"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/outbox"
	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
)

// give gives the outbox what a request sends. At debug the log says what was to be
// sent and what became of it, so that a request and its stanza can be found by each
// other; else it costs nothing.
func give(ctx context.Context, log *zap.Logger, box *outbox.Outbox, s *stanza.Stanza) (outbox.State, error) {
	if !log.Core().Enabled(zap.DebugLevel) {
		return box.Send(ctx, httpapi.IdentityOf(ctx).Name, s)
	}
	about := ofRequest(ctx, s)
	log.Debug("a request sends a stanza", about...)
	state, err := box.Send(ctx, httpapi.IdentityOf(ctx).Name, s)
	log.Debug("what became of a request's stanza", append(about, zap.String("state", string(state)), zap.Error(err))...)
	return state, err
}

// ask asks what a request asks, and logs it as give does.
func ask(ctx context.Context, log *zap.Logger, l *component.Link, s *stanza.Stanza) (*stanza.Stanza, error) {
	if !log.Core().Enabled(zap.DebugLevel) {
		return l.Request(ctx, s)
	}
	about := ofRequest(ctx, s)
	log.Debug("a request sends a stanza", about...)
	answer, err := l.Request(ctx, s)
	if answer != nil {
		about = append(about, zap.String("answer", answer.Type))
	}
	log.Debug("what became of a request's stanza", append(about, zap.Error(err))...)
	return answer, err
}

// ofRequest are the fields by which what a request sends can be followed.
func ofRequest(ctx context.Context, s *stanza.Stanza) []zap.Field {
	return []zap.Field{
		zap.String("component", s.From.Domain()), zap.Stringer("kind", s.Kind),
		zap.String("stanza_id", s.ID), zap.String("request_id", httpapi.RequestID(ctx)),
	}
}
