package commands

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/command"
	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// execute answers a step that a client makes. It does not wait.
//
// Killed before the answer: the client gets an error from its server, or a timeout, and
// begins again: the session is gone.
func (c *Commands) execute(in *component.Incoming) bool {
	p, _ := in.Payload()
	if p.Space != command.NS || p.Local != "command" {
		return false
	}
	bot := in.To.Bare()
	by := c.person(in.From, bot)
	if by.who.IsZero() {
		c.Counters.Denied.Add(1)
		in.Fail(&stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden, Text: "the room hides who you are; write to the bot directly"})
		return true
	}
	e := in.Element(p)
	node, _ := e.Attr("node")
	x := c.find(node, bot, by.who)
	if x == nil {
		c.Counters.Denied.Add(1)
		in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound, Text: "there is no such command"})
		return true
	}
	r, fault := request(e)
	if fault != nil {
		fail(in, fault)
		return true
	}
	party := command.Party{From: in.From, Real: by.who, Bot: bot}
	step := c.sessions.Do(time.Now(), &x.Command, party, r)
	if step.Submit == nil {
		if step.Reply != nil && step.Reply.Note != nil {
			c.Counters.Invalid.Add(1)
		}
		c.reply(in, x, step)
		return true
	}
	in.Hold()
	about := origin{link: in.Link(), person: by}
	c.ask(x, step.Submit, about, func(step command.Step) {
		if by.isRoom && c.person(in.From, bot).who != by.who { // the nick is another person's now, who must not get the answer
			step = command.Step{Fault: &command.Fault{Err: stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound, Text: "the person who asked has left the room"}}}
		}
		c.reply(in, x, step)
	})
	return true
}

// request reads a <command/>.
func request(e *stanza.Element) (command.Request, *command.Fault) {
	var r command.Request
	r.Session, _ = e.Attr("sessionid")
	r.Action, _ = e.Attr("action")
	x := e.Child(form.NS, "x")
	if x == nil {
		return r, nil
	}
	switch kind, _ := x.Attr("type"); kind {
	case "submit":
		r.Values = form.Read(x)
	case "cancel":
		r.Action = command.Cancel
	default:
		return r, &command.Fault{Err: stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: "the form is not one that was filled in: its type is not submit"}, Detail: "bad-payload"}
	}
	return r, nil
}

// reply answers a step.
func (c *Commands) reply(in *component.Incoming, x *Command, step command.Step) {
	if step.Fault != nil {
		fail(in, step.Fault)
		return
	}
	in.Result(step.Reply.XML(x.Node))
}

// fail answers with an error, and the condition of commands that it has.
func fail(in *component.Incoming, f *command.Fault) {
	if f.Detail == "" {
		in.Fail(&f.Err)
		return
	}
	h := in.Reply()
	h.Type = "error"
	inner := strings.TrimSuffix(f.Err.XML(), "</error>") + "<" + f.Detail + " xmlns='" + command.NS + "'/></error>"
	s, err := stanza.Build(h, inner, stanza.Limits{})
	if err != nil {
		in.Fail(&f.Err)
		return
	}
	in.Answer(s)
}

// about returns the fields of the log for a step.
func about(x *Command, q *command.Submit, more ...zap.Field) []zap.Field {
	return append([]zap.Field{zap.String("command", x.Node), zap.Stringer("bot", q.Party.Bot), zap.Int("step", q.Step)}, more...)
}
