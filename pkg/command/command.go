package command

import (
	"slices"

	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
)

// NS is the namespace of commands.
const NS = "http://jabber.org/protocol/commands"

// Command is a command of some bots.
type Command struct {
	Node, Name string
	Bots       []jid.Glob            // the bots, or the domain itself
	Allow      []jid.Glob            // who sees it, and may run it; none: nobody
	Chat       string                // its word in a chat, as /deploy; empty: none
	Form       *form.Form            // to fill in first; nil: it runs at once
	Forms      map[string]*form.Form // that answers may name
}

// Of reports whether a bot has the command.
func (c *Command) Of(bot jid.JID) bool { return matches(c.Bots, bot) }

// Allows reports whether somebody sees the command, and may run it.
func (c *Command) Allows(who jid.JID) bool { return !who.IsZero() && matches(c.Allow, who) }

func matches(globs []jid.Glob, j jid.JID) bool {
	j = j.Bare()
	return slices.ContainsFunc(globs, func(g jid.Glob) bool { return g.Match(j) })
}

// Party is who runs a command with which bot.
type Party struct {
	From jid.JID // as the bot sees it; an answer goes there
	Real jid.JID // bare: whose share it is
	Bot  jid.JID // bare
}
