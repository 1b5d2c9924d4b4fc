// Package commands serves ad-hoc commands (XEP-0050) of bots: clients list them, fill in their
// forms, and get what a webhook has answered; in a chat they are lines as /deploy env=prod.
// The steps are those of package command.
//
//	commands.go  the commands, and which of them somebody sees
//	disco.go     the list of commands, and what service discovery says of each
//	run.go       a step by a client
//	chat.go      a line of a chat
//	ask.go       the webhook is asked, by the direct delivery of its endpoint
//	say.go       what is said in chats
//	runs.go      the last runs
package commands

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/command"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
)

// Max is how many commands there may be.
const Max = 1000

// Command is a command, and who is asked when somebody runs it.
type Command struct {
	command.Command
	// Worker returns that of the endpoint as it is now; nil: there is none.
	Worker  func() *delivery.Worker
	Asks    string        // the endpoint's name; empty: none
	Timeout time.Duration // until whoever runs it gets an error
	Source  string        // config or api
}

// Options configure [Commands].
type Options struct {
	// Behind reports whether an address is that of an occupant of a room, and returns who is
	// behind it; zero if the room hides it.
	Behind func(occupant, bot jid.JID) (who jid.JID, isRoom bool)
	// Own reports whether a domain is that of a component: bots run no commands by chat.
	Own func(domain string) bool
	// OnRun, which may be nil, is called with each step that a webhook was asked about. It must
	// not block.
	OnRun func(*Command, Run)
	// Sender sends what is said in chats.
	Sender delivery.Sender
	Log    *zap.Logger // nil: nothing is logged
}

// Counters count since the start of the process.
type Counters struct {
	Results  [results]atomic.Int64 // steps that the webhook was asked about, see Result
	Invalid  atomic.Int64          // forms with wrong values, which were shown again
	Denied   atomic.Int64          // requests of those who may not
	Lines    atomic.Int64          // lines of chats that were taken
	Unsaid   atomic.Int64          // texts for chats that were dropped: too many at once
	Listings atomic.Int64          // answers of service discovery
}

// Commands are all commands.
type Commands struct {
	Counters Counters

	o        Options
	log      *zap.Logger
	repeats  loglimit.Limiter
	table    atomic.Pointer[[]*Command]
	sessions *command.Sessions
	runs     runs
	say      sayings
}

// New returns Commands without any. Chats are answered while Run runs.
func New(o Options) *Commands {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	c := &Commands{o: o, log: o.Log, sessions: command.NewSessions()}
	c.table.Store(new([]*Command))
	c.say.init()
	return c
}

// Set replaces the commands. Runs go on with the command that they have begun with, as long as
// there is one of its node that they may run.
func (c *Commands) Set(all []*Command) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *Command) int { return strings.Compare(a.Node, b.Node) })
	c.table.Store(&all)
	c.runs.keep(all)
}

// All returns all commands by their nodes.
func (c *Commands) All() []*Command { return *c.table.Load() }

// Sessions returns how many runs are not at their end, and how many have ended by their age
// or because there were too many.
func (c *Commands) Sessions() (now int, bytes int, expired, dropped int64) {
	now, bytes = c.sessions.Count(time.Now())
	expired, dropped = c.sessions.Ended()
	return now, bytes, expired, dropped
}

// HasAny reports whether a bot has a command, whoever may run it.
func (c *Commands) HasAny(bot jid.JID) bool {
	return slices.ContainsFunc(c.All(), func(x *Command) bool { return x.Of(bot) })
}

// Features returns the features that a bot has by its commands.
func (c *Commands) Features(bot jid.JID) []string {
	if !c.HasAny(bot) {
		return nil
	}
	return []string{command.NS, "jabber:x:data"}
}

// visible returns the commands of a bot that somebody may run.
func (c *Commands) visible(bot, who jid.JID) (all []*Command) {
	for _, x := range c.All() {
		if x.Of(bot) && x.Allows(who) {
			all = append(all, x)
		}
	}
	return all
}

func (c *Commands) find(node string, bot, who jid.JID) *Command {
	for _, x := range c.visible(bot, who) {
		if x.Node == node {
			return x
		}
	}
	return nil
}

// person is the sender of a stanza.
type person struct {
	who    jid.JID // bare; zero: nobody knows
	isRoom bool
}

func (c *Commands) person(from, bot jid.JID) person {
	if who, isRoom := c.o.Behind(from, bot); isRoom {
		return person{who, true}
	}
	return person{from.Bare(), false}
}

// Handle implements component.Handler.
func (c *Commands) Handle(in *component.Incoming) bool {
	switch in.Kind {
	case stanza.IQ:
		if in.Type != "get" && in.Type != "set" || !c.HasAny(in.To) {
			return false
		}
		if in.Type == "get" {
			return c.query(in)
		}
		return c.execute(in)
	case stanza.Message:
		return c.onMessage(in)
	}
	return false
}
