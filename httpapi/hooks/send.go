package hooks

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// sendTimeout bounds the wait for the outbox, as a tool waits some seconds for its answer.
const sendTimeout = 10 * time.Second

// say is one message that a recipient is to get.
type say struct {
	to     jid.JID
	id     string // of the message
	body   string
	thread string // what it is about; empty: nothing that had a message before
	handle string // what a later request calls this message; empty: nothing
	update string // what becomes of it if the thread has a first message: one of hook.Updates
	must   bool   // there is to be one
}

// say returns the message of a text. of is the ts of another one that it is about, id that
// of the request.
func (m *match) say(t hook.Text, of, id string) say {
	one := say{body: t.Body, thread: t.Thread, update: m.Reader.Update}
	if m.api != nil {
		one.handle = tsOf(id)
		m.api.say(&one, of)
	}
	if one.update == hook.UpdateNew {
		one.thread = ""
	}
	return one
}

// send sends the texts of a notice, each to every recipient; the ids of the messages follow
// from id.
func (h *handler) send(ctx context.Context, m *match, n hook.Notice, to []jid.JID, id string) *outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout) // a tool that goes has posted all the same
	defer cancel()
	o := &outcome{status: http.StatusAccepted, id: id, notice: n}
	var worst *gateway.Outcome
	sent := 0
	for i, t := range n.Texts {
		one := m.say(t, n.Of, id)
		for j, recipient := range to {
			one.to, one.id = recipient, id
			if number := i*len(to) + j; number > 0 {
				one.id += "." + strconv.Itoa(number)
			}
			msg, bad := h.sendOne(ctx, m, one)
			if bad != nil {
				worst = bad
			} else {
				sent++
			}
			o.messages = append(o.messages, msg)
		}
	}
	if sent == 0 {
		o.status, o.reason, o.text, o.retryAfter = worst.Status, "internal_error", worst.Text(), worst.RetryAfter
		if worst.What == noMessage {
			o.reason = noMessage
		}
		if o.status == http.StatusTooManyRequests || o.status == http.StatusUnprocessableEntity {
			o.status = http.StatusServiceUnavailable
		}
	} else if worst != nil {
		o.text = worst.Text()
	}
	return o
}

// sendOne sends one message, in the turn of its thread.
func (h *handler) sendOne(ctx context.Context, m *match, one say) (sentMessage, *gateway.Outcome) {
	v := sentMessage{To: one.to.String(), ID: one.id}
	state, bad := h.sendInTurn(ctx, m, one)
	if v.State = string(state); bad != nil {
		v.State, v.Error = "failed", bad.Text()
	}
	return v, bad
}

func (h *handler) sendInTurn(ctx context.Context, m *match, one say) (gateway.State, *gateway.Outcome) {
	done, err := h.Threads.take(ctx, m.Name, one.thread)
	if err != nil {
		return "", &gateway.Outcome{Result: gateway.Overloaded, Status: http.StatusServiceUnavailable, RetryAfter: 1, What: "an earlier message about the same is still being sent", Hint: "nothing was sent; try again in a second"}
	}
	defer done()
	first, later := h.Threads.first(ctx, m.Name, one.thread, one.to, one.id)
	if one.must && !later {
		return "", &gateway.Outcome{Status: http.StatusNotFound, What: noMessage}
	}
	how := gateway.Sending{Caller: Caller(m.Name)}
	inner := stanza.TextElement("body", one.body)
	if later {
		// What nobody can refer to is no first message: this one is.
		switch inner, later = refer(one.update, first, inner); {
		case !later && one.must:
			return "", &gateway.Outcome{Status: http.StatusNotFound, What: noMessage}
		case later && one.update == hook.UpdateCorrect:
			how.Ref = first.String()
		}
	}
	header := stanza.Header{Kind: stanza.Message, Type: "chat", From: m.From, To: one.to, ID: one.id}
	send := h.Sender.Send
	if may, certain := h.mayBeRoom(ctx, m.Hook, one.to); may {
		header.Type, header.From = "groupchat", m.From.Bare()
		if h.Rooms != nil {
			send = func(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
				return h.Rooms.Send(ctx, m.Name, s, certain, how)
			}
		}
	}
	s, err := stanza.Build(header, inner+message.Origin(one.id, inner), h.Sender.Limits(m.From))
	if err != nil {
		return "", &gateway.Outcome{Status: http.StatusRequestEntityTooLarge, What: "the message is over a limit: " + err.Error()}
	}
	ref, names := message.Sent(s, false), []string{one.handle}
	if !later {
		names = append(names, one.thread)
	}
	var ends []func(ctx context.Context, sent bool)
	for _, name := range names {
		ends = append(ends, h.Threads.begin(m.Name, name, one.to, ref))
	}
	state, bad := h.give(ctx, m, s, how, send)
	for _, end := range ends {
		end(ctx, bad == nil)
	}
	return state, bad
}

// TooMuch says what to do when the XMPP server closes its stream over a message of a hook.
const TooMuch = "most likely it is too large for the server: lower max_chars of the hook, or raise the server's limit of a stanza; the log of stanzahook says more"

// mayBeRoom reports whether a recipient is a room, or may be one.
func (h *handler) mayBeRoom(ctx context.Context, k *Hook, to jid.JID) (may, certain bool) {
	if slices.Contains(k.Rooms, to) {
		return true, true
	}
	if h.Rooms == nil || !to.IsBare() || to.Local() == "" {
		return false, true
	}
	room, known := h.Rooms.IsRoom(ctx, to, k.From.Bare())
	return room || !known, known
}

// give sends a message. Without a connection it waits on disk.
func (h *handler) give(ctx context.Context, m *match, s *stanza.Stanza, how gateway.Sending, send func(context.Context, *stanza.Stanza, gateway.Sending) (gateway.State, error)) (gateway.State, *gateway.Outcome) {
	h.Statuses.expect(m.Name, s)
	state, err := send(ctx, s, how)
	if err != nil {
		o := gateway.OutcomeOf(s, err)
		if o.Result == gateway.Rejected {
			o.Status, o.RetryAfter, o.Hint = http.StatusServiceUnavailable, 60, TooMuch
		}
		if o.Result == gateway.Failed {
			h.repeats.Error(h.Log, "message of hook not sent", zap.String("hook", m.Name), zap.String("stanza_id", s.ID), zap.Error(err))
			o.What = "internal error; the log has it under the hook's name"
		}
		return "", &o
	}
	return state, nil
}
