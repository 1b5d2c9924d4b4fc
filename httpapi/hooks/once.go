package hooks

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
)

// once sends what a delivery says, if it was not sent before. Two that come together are
// one: the second waits for a repetition, which tools make after 503.
//
// Killed before the id is stored: nothing was sent. Killed before the answer is stored:
// a repetition sends again, with the same ids of messages, so that a client can tell.
// Killed after it: a repetition sends nothing.
func (h *handler) once(ctx context.Context, m *match, n hook.Notice, to []jid.JID) *outcome {
	if n.Once == "" || h.Requests == nil {
		return h.send(ctx, m, n, to, h.newID(m))
	}
	key := Caller(m.Name) + "\x00" + n.Once
	if !h.Statuses.begin(key) {
		return &outcome{status: http.StatusServiceUnavailable, reason: "internal_error", text: "the same delivery is in progress; try again", retryAfter: 1}
	}
	defer h.Statuses.end(key)
	ctx = context.WithoutCancel(ctx) // the answer is stored also if the caller goes
	id := h.newID(m)
	stored, created, err := h.Requests.Begin(ctx, key, store.IdempotentRequest{ID: id})
	switch {
	case err != nil:
		return refused(err)
	case created:
	case !h.fresh(stored.ID, n.Within): // the state is reported again, after a while
		if err := h.Requests.End(ctx, key, store.IdempotentRequest{ID: id}); err != nil { // so that a repetition of this one has the same id
			return refused(err)
		}
	case stored.Answered():
		o := &outcome{status: http.StatusAccepted, id: stored.ID, notice: n, repeated: true}
		if err := json.Unmarshal(stored.Answer, &o.messages); err != nil {
			h.Log.Warn("answer of hook unreadable", zap.String("hook", m.Name), zap.Error(err))
		}
		return o
	default:
		id = stored.ID
	}
	o := h.send(ctx, m, n, to, id)
	if o.failed() {
		return o
	}
	answer, err := json.Marshal(o.messages)
	if err == nil {
		err = h.Requests.End(ctx, key, store.IdempotentRequest{ID: id, Status: o.status, Type: "application/json", Answer: answer})
	}
	if err != nil {
		h.Log.Warn("answer of hook not stored", zap.String("hook", m.Name), zap.String("hint", "a repeated delivery is sent again"), zap.Error(err))
	}
	return o
}

// fresh reports whether a stored delivery still counts.
func (h *handler) fresh(id string, within time.Duration) bool {
	t, ok := timeOf(id)
	return !ok || time.Since(t) < within
}

// refused is the outcome if nothing can be stored.
func refused(err error) *outcome {
	o := gateway.Outcome{Status: http.StatusInsufficientStorage, What: err.Error(), RetryAfter: 60}
	return &outcome{status: o.Status, reason: "internal_error", text: o.Text(), retryAfter: o.RetryAfter}
}
