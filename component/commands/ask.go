package commands

import (
	"crypto/rand"
	"encoding/json"
	"sync/atomic"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/command"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// EventType is the type of the event that a webhook gets.
const EventType = "command.submit"

// origin is where a step came from.
type origin struct {
	link *component.Link
	person
	nick string // in a room
	chat bool
}

// ask asks the webhook of a command, and calls done once with what follows. It does not wait.
//
// Killed before the webhook has answered: it may have done what it was asked for; whoever has
// asked gets an error from their server, or no answer in a chat, and the session is gone.
func (c *Commands) ask(x *Command, q *command.Submit, by origin, done func(command.Step)) {
	began := time.Now()
	var ended atomic.Bool // whoever sets it calls end
	end := func(result Result, reason string, step command.Step) {
		c.finish(x, q, by, began, result, reason)
		done(step)
	}
	fail := func(result Result, reason string, e *stanza.Error) {
		if !ended.Swap(true) {
			c.sessions.Fail(q)
			end(result, reason, command.Step{Fault: &command.Fault{Err: *e}})
		}
	}
	ev, err := event(q, by, began, x.Timeout)
	var w *delivery.Worker
	if x.Worker != nil {
		w = x.Worker()
	}
	switch {
	case err != nil:
		fail(Failed, err.Error(), &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the service cannot be asked"})
		return
	case w == nil:
		fail(Failed, "the command has no endpoint", &stanza.Error{Type: stanza.Wait, Condition: stanza.ServiceUnavailable, Text: "the command has nobody to ask at the moment"})
		return
	}
	timer := time.AfterFunc(x.Timeout, func() {
		fail(Late, "no answer within "+x.Timeout.String(), &stanza.Error{Type: stanza.Wait, Condition: stanza.RemoteServerTimeout, Text: "the service has not answered in time"})
	})
	accepted := w.Request(ev, func(v webhook.Verdict) {
		timer.Stop()
		if v.Outcome != webhook.Done {
			fail(resultOf(&v), v.Reason, refusal(&v))
			return
		}
		a, err := command.ReadAnswer(&x.Command, v.ContentType, v.Body)
		if v.Status == 202 || v.Status == 204 {
			a, err = command.ReadAnswer(&x.Command, "", nil)
		}
		if err != nil {
			fail(Failed, "the answer is not readable: "+err.Error(), &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the answer of the service could not be read"})
			return
		}
		if !ended.Swap(true) {
			end(resultOfAnswer(a), a.Remark, c.sessions.Answer(time.Now(), q, a))
		}
	})
	if !accepted {
		timer.Stop()
		fail(Failed, "too many are under way", &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "the service has too much to do; try again later"})
	}
}

// refusal is the error for who runs a command.
func refusal(v *webhook.Verdict) *stanza.Error {
	e := stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service cannot be reached"}
	if v.Err != nil {
		e = *v.Err
	}
	if text := command.Refusal(v.ContentType, v.Body); text != "" && v.Status >= 400 && v.Status < 500 {
		e.Text = text
	}
	return &e
}

// event is the event of a step. Its stanza has no values: a delivery log keeps it.
func event(q *command.Submit, by origin, now time.Time, timeout time.Duration) (*webhook.Event, error) {
	b := stanza.AppendAttr([]byte("<command xmlns='"+command.NS+"'"), "node", q.Command.Node)
	b = append(stanza.AppendAttr(stanza.AppendAttr(b, "sessionid", q.Session), "action", q.Action), "/>"...)
	s, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "set", ID: rand.Text(), From: q.Party.From, To: q.Party.Bot}, string(b), stanza.Limits{})
	if err != nil {
		return nil, err
	}
	data, err := data(q, by)
	if err != nil {
		return nil, err
	}
	return &webhook.Event{ID: webhook.NewEventID(), Component: by.link.Domain().String(), Received: now, Until: now.Add(timeout), Who: by.who, Stanza: s, Type: EventType, Data: data}, nil
}

func data(q *command.Submit, by origin) ([]byte, error) {
	type room struct {
		JID  string `json:"jid"`
		Nick string `json:"nick"`
	}
	d := struct {
		Node    string          `json:"node"`
		Session string          `json:"session"`
		From    string          `json:"from"`
		To      string          `json:"to"`
		Room    *room           `json:"room"`
		Action  string          `json:"action"`
		Step    int             `json:"step"`
		Values  json.RawMessage `json:"values"`
	}{q.Command.Node, q.Session, q.Party.From.String(), q.Party.Bot.String(), nil, q.Action, q.Step, form.AppendJSON(nil, q.Pages)}
	if by.isRoom {
		d.From, d.Room = by.who.String(), &room{q.Party.From.Bare().String(), q.Party.From.Resource()}
	}
	return json.Marshal(d)
}
