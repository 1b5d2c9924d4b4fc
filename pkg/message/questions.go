package message

import (
	"cmp"
	"container/list"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds of [Questions].
const (
	QuestionTime  = time.Hour
	MaxQuestions  = 10_000  // conversations
	QuestionBytes = 8 << 20 // of buttons, as they are stored
)

// Questions remembers the last buttons that a bot has shown in each conversation, for an hour,
// so that an answer by their value, label or number is known for what it is.
//
// Over the bounds the oldest goes of the bot that has most, so that one bot that asks a lot does
// not cost others theirs.
//
// It is memory; whoever makes it stores what Changed reports.
type Questions struct {
	// Changed, if not nil, is called with each question that is new, and with one without Buttons
	// in place of one that is over, in the order in which this is so. It must not block, nor call
	// the Questions. Set it before the first question.
	Changed func(Question)
	// MaxBytes is less than QuestionBytes where less is stored; 0: it is that. Set it before the
	// first question.
	MaxBytes int

	mu    sync.Mutex
	all   map[conversation]*list.Element // of Question
	count atomic.Int64                   // of all, for those that ask at each message
	bots  map[jid.JID]*asked
	bytes int

	dropped int64
}

// Question is what a message with buttons is known by.
type Question struct {
	Own, Peer jid.JID // bare; of an occupant of a room alone, Peer is full
	Room      bool    // all in the room Peer may answer
	Asked     string  `json:",omitempty"` // the author whom an occupant's answer is from, as for [Recent.Hear]; empty: whoever is Peer
	ID, Ref   string  // of the message
	Time      time.Time
	Buttons   []Button
}

// conversation is whose questions one may answer.
type conversation struct {
	own, peer jid.JID
	room      bool
}

func (q *Question) conversation() conversation { return conversation{q.Own, q.Peer, q.Room} }

func conversationOf(ref Ref) conversation { return conversation{ref.Own, ref.Peer, ref.Kind == Room} }

// size is what a question takes in memory, and in the store, about: if it took more there, those of
// all bots would have to make room for it.
func (q *Question) size() int {
	n := 400 + written(q.Own.String()) + written(q.Peer.String()) + written(q.ID) + written(q.Ref) + written(q.Asked)
	for _, b := range q.Buttons {
		n += written(b.Label) + written(b.Value) + 32
	}
	return n
}

// written is how many bytes a text has in JSON, at most.
func written(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			n++
		case c < ' ' || c == '<' || c == '>' || c == '&' || c == 0x7f:
			n += 5
		}
	}
	return n + 3*(strings.Count(text, "\u2028")+strings.Count(text, "\u2029"))
}

// asked are the questions of a bot, the oldest first.
type asked struct {
	list.List
	bytes int
}

// NewQuestions returns Questions without any.
func NewQuestions() *Questions {
	return &Questions{all: make(map[conversation]*list.Element), bots: make(map[jid.JID]*asked)}
}

// Say takes note of a message of ours, which has a Ref: of its buttons, and that the question
// which it corrects without any, or retracts, is over. asked is Question.Asked.
func (q *Questions) Say(s *stanza.Stanza, ref Ref, asked string, now time.Time) {
	f := Read(s)
	switch f.Event {
	case Said:
	case Correction:
		if of := f.Of(s); ref.ID != of { // the first version counts
			ref.ID, ref.OriginID, ref.StanzaID = of, of, ""
		}
	case Retraction:
		q.end(conversationOf(ref), ref.ID)
		return
	default:
		return
	}
	one := Question{Own: ref.Own, Peer: ref.Peer, Room: ref.Kind == Room, Asked: asked, ID: ref.ID, Ref: ref.String(), Time: now, Buttons: buttonsOf(s)}
	if f.Event == Correction {
		if before, ok := q.last(one.conversation()); ok && before.ID == one.ID {
			one.Ref = before.Ref // its sender knows that
		}
	}
	if len(one.Buttons) > 0 {
		q.Add(one)
	} else if f.Event == Correction {
		q.end(one.conversation(), one.ID)
	}
}

// Any reports whether there is a question: if not, Hear says nothing of any message.
func (q *Questions) Any() bool { return q.count.Load() > 0 }

// last returns the last question of a conversation.
func (q *Questions) last(c conversation) (Question, bool) {
	if !q.Any() {
		return Question{}, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.all[c]; e != nil {
		return e.Value.(Question), true
	}
	return Question{}, false
}

// buttonsOf returns the buttons of a message: responses and actions (XEP-0439), whoever has
// composed it.
func buttonsOf(s *stanza.Stanza) (all []Button) {
	for _, c := range s.Children() {
		if c.Space != nsQuick || len(all) == MaxButtons {
			continue
		}
		b := Button{}
		switch c.Local {
		case "response":
			b.Value, _ = s.ChildAttr(c, "value")
		case "action":
			b.Value, _ = s.ChildAttr(c, "id")
		}
		if b.Label, _ = s.ChildAttr(c, "label"); b.Label == "" {
			b.Label = b.Value
		}
		if b.Value != "" && len(b.Value) <= maxButtonValue && len(b.Label) <= maxButtonLabel {
			all = append(all, b)
		}
	}
	return all
}

// Add remembers a question in place of the one before in its conversation.
func (q *Questions) Add(one Question) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(q.all[one.conversation()])
	of := q.bots[one.Own]
	if of == nil {
		of = &asked{}
		q.bots[one.Own] = of
	}
	q.all[one.conversation()] = of.PushBack(one)
	q.count.Store(int64(len(q.all)))
	of.bytes += one.size()
	q.bytes += one.size()
	q.report(one)
	for _, before := range q.bound(one.Time) { // the store is for those of others, too
		before.Buttons = nil
		q.report(before)
	}
}

// report reports a change. q.mu is held: of two changes of a conversation the last one is stored.
func (q *Questions) report(one Question) {
	if q.Changed != nil {
		q.Changed(one)
	}
}

// bound forgets questions until no bound is exceeded: those that are over, and then the oldest
// of the bot that has most, which it returns.
func (q *Questions) bound(now time.Time) (gone []Question) {
	over := func() bool { return len(q.all) > MaxQuestions || q.bytes > cmp.Or(q.MaxBytes, QuestionBytes) }
	if over() {
		q.expire(now)
	}
	for over() {
		var most *asked
		for _, of := range q.bots {
			if most == nil || of.bytes > most.bytes {
				most = of
			}
		}
		gone = append(gone, most.Front().Value.(Question))
		q.forget(most.Front())
		q.dropped++
	}
	return gone
}

// expire forgets questions that are over.
func (q *Questions) expire(now time.Time) {
	for _, of := range q.bots {
		for e := of.Front(); e != nil && now.Sub(e.Value.(Question).Time) >= QuestionTime; e = of.Front() {
			q.forget(e)
		}
	}
}

// forget takes a question out; nil is none.
func (q *Questions) forget(e *list.Element) {
	if e == nil {
		return
	}
	one := e.Value.(Question)
	of := q.bots[one.Own]
	of.Remove(e)
	of.bytes -= one.size()
	q.bytes -= one.size()
	delete(q.all, one.conversation())
	q.count.Store(int64(len(q.all)))
	if of.Len() == 0 {
		delete(q.bots, one.Own)
	}
}

// end forgets the question of a conversation, if it has the id.
func (q *Questions) end(c conversation, id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.all[c]; e != nil && e.Value.(Question).ID == id {
		q.forget(e)
		q.report(Question{Own: c.own, Peer: c.peer, Room: c.room})
	}
}

// Choice is a button that somebody has chosen.
type Choice struct {
	Value string
	Ref   string // of the question
}

// Hear returns what somebody has chosen by a message that was heard: it says the value, the label
// or the number of a button, or selects an action (XEP-0439 section 5.4). Of a reply to another
// message (XEP-0461) it is none, nor of somebody else who has the nick of the one who was asked.
// strip, which may be nil, takes from the text what is not meant.
func (q *Questions) Hear(s *stanza.Stanza, f *Features, h *Heard, strip func(string) string, now time.Time) (Choice, bool) {
	if h.Ref.Mine || h.Foreign || f.Event != Said && f.Event != Correction {
		return Choice{}, false
	}
	one, ok := q.last(conversationOf(h.Ref))
	if !ok || now.Sub(one.Time) >= QuestionTime || f.Replies() && h.RefOf != one.Ref || one.Asked != "" && one.Asked != h.Author {
		return Choice{}, false
	}
	if !f.HasBody() {
		id := selected(s)
		for _, b := range one.Buttons {
			if b.Value == id {
				return Choice{b.Value, one.Ref}, true
			}
		}
		return Choice{}, false
	}
	text := f.Text(s)
	if strip != nil {
		text = strip(text)
	}
	b, ok := choose(one.Buttons, text)
	return Choice{b.Value, one.Ref}, ok
}

// selected returns the id of the action that was selected (XEP-0439 section 4.3).
func selected(s *stanza.Stanza) string {
	c, ok := s.Child(nsQuick, "action-selected")
	if !ok {
		return ""
	}
	id, _ := s.ChildAttr(c, "id")
	return id
}

// Count returns how many there are, how many bytes they take, and how many were forgotten for
// the bounds.
func (q *Questions) Count(now time.Time) (n, bytes int, dropped int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(now)
	return len(q.all), q.bytes, q.dropped
}
