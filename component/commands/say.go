package commands

import (
	"context"
	"crypto/rand"
	"sync"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of what waits to be said.
const (
	maxSayings = 1000
	maxOfOne   = 50
)

// sayings are stanzas for chats that wait for Run. A handler must not send them itself: of a
// room it is called while the room is locked.
type sayings struct {
	mu      sync.Mutex
	of      map[jid.JID]int
	waiting chan saying
}

type saying struct {
	who jid.JID
	s   *stanza.Stanza
}

func (y *sayings) init() {
	y.of, y.waiting = make(map[jid.JID]int), make(chan saying, maxSayings)
}

// put reports false if the queue, or the person's share of it, is full.
func (y *sayings) put(x saying) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.of[x.who] >= maxOfOne {
		return false
	}
	select {
	case y.waiting <- x:
		y.of[x.who]++
		return true
	default:
		return false
	}
}

func (y *sayings) done(who jid.JID) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.of[who]--; y.of[who] <= 0 {
		delete(y.of, who)
	}
}

// Run says what is to be said in chats until ctx is done.
func (c *Commands) Run(ctx context.Context) {
	for {
		select {
		case x := <-c.say.waiting:
			c.say.done(x.who)
			if who, isRoom := c.o.Behind(x.s.To, x.s.From); isRoom && !x.s.To.IsBare() && x.who.IsBare() && who != x.who { // the nick is another person's now, who must not get it
				c.Counters.Unsaid.Add(1)
				continue
			}
			if err := c.o.Sender.Send(x.s.From.Domain(), x.s, false, func(error) {}); err != nil {
				c.repeats.Warn(c.log, "answer to a command not sent", zap.Error(err))
			}
		case <-ctx.Done():
			return
		}
	}
}

// tell says a text where a line was written.
//
// Killed before it is sent: the person sees no answer, and asks again.
func (c *Commands) tell(to *stanza.Stanza, nick string, who jid.JID, text string) {
	h := to.Reply()
	h.From, h.Type, h.ID = h.From.Bare(), to.Type, rand.Text()
	if to.Type == "groupchat" {
		h.To, text = h.To.Bare(), nick+": "+text
	}
	s, err := stanza.BuildMessage(h, stanza.Clean(text), stanza.Limits{})
	if err != nil { // too long
		s, err = stanza.BuildMessage(h, "Done, but the answer is too long for a message.", stanza.Limits{})
	}
	if err == nil {
		c.send(who, s)
	}
}

func (c *Commands) send(who jid.JID, s *stanza.Stanza) {
	if !c.say.put(saying{who, s}) {
		c.Counters.Unsaid.Add(1)
	}
}
