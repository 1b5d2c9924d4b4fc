package delivery

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/pkg/webhook"
)

// tracing reports whether each step of an event is logged. Asked first, a step
// costs nothing where it is not.
func (w *Worker) tracing() bool { return w.log.Core().Enabled(zapcore.DebugLevel) }

// trace logs a step of an event.
func (w *Worker) trace(step string, ev *webhook.Event, more ...zap.Field) {
	w.log.Debug(step, about(ev, more...)...)
}

// about are the fields by which an event can be followed through the log, and
// others. The conversation stands for the two addresses, which are not logged.
func about(ev *webhook.Event, more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("component", ev.Component), zap.String("event", ev.ID),
		zap.String("stanza_id", ev.Stanza.ID), zap.String("conversation", conversationOf(ev)),
	}, more...)
}
