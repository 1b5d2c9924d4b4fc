package commands

import (
	"time"

	"stanzahook/component"
	"stanzahook/pkg/command"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// line is a line of a chat.
type line struct {
	s    *stanza.Stanza
	text string
	by   origin
	ask  bool // nobody else reads it, so questions may be asked
}

// onMessage takes the lines of chats with one person. A message that is none, or whose author
// may not run a command, goes its normal way.
func (c *Commands) onMessage(in *component.Incoming) bool {
	switch in.Type {
	case "", "normal", "chat":
	default:
		return false
	}
	if len(c.All()) == 0 || !c.HasAny(in.To) || c.o.Own(in.From.Domain()) {
		return false
	}
	m := message.Read(in.Stanza)
	if m.Event != message.Said || !m.HasBody() {
		return false
	}
	by := c.person(in.From, in.To.Bare())
	if by.isRoom {
		return false // package rooms knows more, see OfRoom
	}
	return c.take(line{s: in.Stanza, text: m.Text(in.Stanza), by: origin{link: in.Link(), person: by, chat: true}, ask: true})
}

// OfRoom takes an event of a room that is a line of a command, and reports whether it was one.
// It does not wait. What was missed while the bot was away is not run now.
func (c *Commands) OfRoom(link *component.Link, ev *webhook.Event) bool {
	r := ev.Room
	if r == nil || r.Happening() || r.Own || r.Bot || r.Missed || ev.Stanza.Kind != stanza.Message || !c.HasAny(ev.Stanza.To) {
		return false
	}
	m := message.Read(ev.Stanza)
	if m.Event != message.Said || !m.HasBody() {
		return false
	}
	l := line{s: ev.Stanza, text: muc.WithoutMention(m.Text(ev.Stanza), r.OwnNick), ask: ev.Stanza.Type != "groupchat",
		by: origin{link: link, person: person{isRoom: true}, nick: r.Nick, chat: true}}
	if r.RealJID != "" {
		l.by.who = jid.FromServer(r.RealJID)
		return c.take(l)
	}
	return c.refuseHidden(l)
}

// refuseHidden says to somebody whom the room hides that they cannot run a command there. Lines
// that are no commands are not taken.
func (c *Commands) refuseHidden(l line) bool {
	var all []*command.Command
	for _, x := range c.All() {
		if x.Of(l.s.To) {
			all = append(all, &x.Command)
		}
	}
	if !command.IsWord(all, l.text) {
		return false
	}
	c.Counters.Denied.Add(1)
	c.receive(l, l.s.From)
	c.tell(l.s, l.by.nick, l.s.From, "this room hides who you are, so I cannot run a command for you here. Write to me directly.")
	return true
}

// receive sends the receipt that a line asks for (XEP-0184): before the answer, as for all messages.
func (c *Commands) receive(l line, who jid.JID) {
	if r := webhook.Receipt(&webhook.Event{ID: webhook.NewEventID(), Stanza: l.s}); r != nil {
		c.send(who, r)
	}
}

// take runs a line, if it is one of a command that its author may run.
func (c *Commands) take(l line) bool {
	bot := l.s.To.Bare()
	party := command.Party{From: l.s.From, Real: l.by.who, Bot: bot}
	if !l.by.isRoom {
		party.From = l.s.From.Bare() // whichever device the answers come from
	}
	visible := c.visible(bot, l.by.who)
	list := make([]*command.Command, len(visible))
	for i, x := range visible {
		list[i] = &x.Command
	}
	said := c.sessions.Say(time.Now(), list, party, l.text, l.ask)
	if !said.Taken {
		return false
	}
	c.Counters.Lines.Add(1)
	c.receive(l, l.by.who)
	if said.Submit == nil {
		c.tell(l.s, l.by.nick, l.by.who, said.Text)
		return true
	}
	x := c.find(said.Submit.Command.Node, bot, l.by.who)
	if x == nil { // it went this very moment
		c.sessions.EndChat(said.Submit)
		return true
	}
	c.ask(x, said.Submit, l.by, func(step command.Step) {
		if step.Fault != nil {
			c.sessions.EndChat(said.Submit)
		}
		c.tell(l.s, l.by.nick, l.by.who, c.sessions.TextFor(time.Now(), said.Submit, step))
	})
	return true
}
