package message

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"math/rand/v2"
	"runtime"
	"stanzahook/pkg/jid"
	"strings"
	"sync"
)

const (
	toAlice  = `<message type='chat' id='%s' from='echo@bot.example.com/r' to='alice@example.com'>%s</message>`
	toRoom   = `<message type='groupchat' id='%s' from='echo@bot.example.com/room' to='lounge@rooms.example.com'>%s</message>`
	yesNo    = `<body>Deploy?</body><response xmlns='urn:xmpp:tmp:quick-response' value='yes' label='Yes'/><response xmlns='urn:xmpp:tmp:quick-response' value='no'/>`
	toBob    = `<message type='chat' id='%s' from='echo@bot.example.com' to='bob@example.com/x'>%s</message>`
	nurse    = `<message type='chat' id='%s' from='nurse@bot.example.com' to='alice@example.com'>%s</message>`
	fromBob  = `<message type='chat' id='%s' to='echo@bot.example.com' from='bob@example.com/cli'>%s</message>`
	toNick   = `<message type='chat' id='%s' from='echo@bot.example.com/room' to='lounge@rooms.example.com/Alice'>%s<x xmlns='http://jabber.org/protocol/muc#user'/></message>`
	fromNick = `<message type='chat' id='%s' to='echo@bot.example.com/room' from='lounge@rooms.example.com/Alice'>%s<x xmlns='http://jabber.org/protocol/muc#user'/></message>`
)

// asking is a bot's memory, and what it says and hears.
type asking struct {
	t   *testing.T
	q   *Questions
	r   *Recent
	now time.Time
	n   int

	asked, author string // of what the bot says, and of what it hears
}

func newAsking(t *testing.T) *asking {
	return &asking{t: t, q: NewQuestions(), r: NewRecent(RecentBytes), now: noon, author: "id alice"}
}

func (a *asking) say(format, id, inner string) Ref {
	s := parsed(fmt.Sprintf(format, id, inner))
	ref := Sent(s, false)
	a.r.Say(s, ref, a.now)
	a.q.Say(s, ref, a.asked, a.now)
	return ref
}

func (a *asking) hears(format, inner, want string) {
	a.t.Helper()
	a.n++
	s := parsed(fmt.Sprintf(format, fmt.Sprint("h", a.n), inner))
	f := Read(s)
	h := a.r.Hear(s, &f, RoomIDs{}, a.author, a.now)
	got, ok := a.q.Hear(s, &f, &h, nil, a.now)
	if got.Value != want || ok != (want != "") {
		a.t.Errorf("%s: %+v %v, want %q", inner, got, ok, want)
	}
}

func says(text string) string { return "<body>" + text + "</body>" }

// Only who was asked answers, in the conversation where they were, within an hour, until there
// are other buttons.
func TestQuestions(t *testing.T) {
	a := newAsking(t)
	a.hears(fromAlice, says("1"), "")
	ref := a.say(toAlice, "q1", yesNo)
	for text, want := range map[string]string{"yes": "yes", "Yes": "yes", "1": "yes", "2)": "no", "no": "no", "3": "", "perhaps": ""} {
		a.hears(fromAlice, says(text), want)
	}
	a.hears(fromBob, says("1"), "")
	a.hears(fromNick, says("1"), "")
	a.hears(fmt.Sprintf(inLounge, "%s", "Alice", "%s"), says("1"), "")
	for _, forged := range []string{
		"<response xmlns='urn:xmpp:tmp:quick-response' value='yes'/>", "<action-selected xmlns='urn:xmpp:tmp:quick-response' id='maybe'/>", "<action-selected xmlns='urn:xmpp:tmp:quick-response'/>",
		"<action-selected xmlns='urn:x' id='yes'/>", says("x") + "<action-selected xmlns='urn:xmpp:tmp:quick-response' id='yes'/>", "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
	} {
		a.hears(fromAlice, forged, "")
	}
	a.hears(fromAlice, "<action-selected xmlns='urn:xmpp:tmp:quick-response' id='no'/><active xmlns='http://jabber.org/protocol/chatstates'/>", "no")
	a.hears(fromAlice, says("2")+"<reply xmlns='urn:xmpp:reply:0' id='q1'/>", "no")
	a.hears(fromAlice, says("2")+"<reply xmlns='urn:xmpp:reply:0' id='other'/>", "")
	a.say(toAlice, "m2", says("By the way")) // without buttons: the question stands
	a.say(nurse, "n1", says("Tea?")+"<action xmlns='urn:xmpp:tmp:quick-response' id='tea-1' label='Tea'/>")
	a.hears(fromAlice, says("1"), "yes")
	s := parsed(fmt.Sprintf(fromAlice, "x", says("1")))
	f := Read(s)
	h := a.r.Hear(s, &f, RoomIDs{}, "", a.now)
	if got, _ := a.q.Hear(s, &f, &h, nil, a.now); got.Ref != ref.String() {
		t.Errorf("%+v", got)
	}
	a.say(toAlice, "q3", says("Sure?")+"<response xmlns='urn:xmpp:tmp:quick-response' value='sure' label='I am'/>")
	a.hears(fromAlice, says("yes"), "")
	a.hears(fromAlice, says("I am"), "sure")
	a.hears(fromAlice, says("1")+"<reply xmlns='urn:xmpp:reply:0' id='q1'/>", "") // of the older one
	a.now = a.now.Add(QuestionTime)
	a.hears(fromAlice, says("I am"), "")
	if n, bytes, _ := a.q.Count(a.now); n != 0 || bytes != 0 {
		t.Errorf("%d questions, %d bytes", n, bytes)
	}
}

// In a room all may answer, and an occupant alone is another conversation. What the bot itself
// says is no answer.
func TestQuestionsInRooms(t *testing.T) {
	a := newAsking(t)
	a.say(toRoom, "q1", yesNo)
	for _, nick := range []string{"Alice", "Bob"} {
		a.hears(fmt.Sprintf(inLounge, "%s", nick, "%s"), says("2"), "no")
	}
	a.hears(fromNick, says("2"), "")
	a.say(toNick, "q2", says("Tea?")+"<response xmlns='urn:xmpp:tmp:quick-response' value='tea'/>")
	a.hears(fromNick, says("1"), "tea")
	a.hears(fmt.Sprintf(inLounge, "%s", "Alice", "%s"), says("1"), "yes")
	own := parsed(fmt.Sprintf(inLounge, "e", "Echo", says("yes")))
	f := Read(own)
	h := a.r.Hear(own, &f, RoomIDs{Own: jid.MustParse("lounge@rooms.example.com/Echo")}, "", a.now)
	if got, ok := a.q.Hear(own, &f, &h, nil, a.now); ok {
		t.Errorf("its own words: %+v", got)
	}
}

// Whoever takes the nick of somebody who was asked is not asked.
func TestQuestionsHaveOneAuthor(t *testing.T) {
	a := newAsking(t)
	a.asked = "id alice"
	a.say(toNick, "q1", yesNo)
	for author, want := range map[string]string{"id alice": "yes", "id mallory": "", "": ""} {
		a.author = author
		a.hears(fromNick, says("1"), want)
		a.hears(fromNick, "<action-selected xmlns='urn:xmpp:tmp:quick-response' id='yes'/>", want)
	}
}

// A correction has other buttons, or none; a retraction has none. Others' do nothing.
func TestQuestionsEnd(t *testing.T) {
	a := newAsking(t)
	var changed []Question
	a.q.Changed = func(q Question) { changed = append(changed, q) }
	ref := a.say(toAlice, "q1", yesNo)
	a.say(toAlice, "c1", says("Deploy now?")+"<response xmlns='urn:xmpp:tmp:quick-response' value='now'/><replace xmlns='urn:xmpp:message-correct:0' id='q1'/>")
	a.hears(fromAlice, says("1"), "now")
	a.say(toAlice, "c2", says("x")+"<replace xmlns='urn:xmpp:message-correct:0' id='other'/>")
	a.hears(fromAlice, says("1"), "now")
	a.say(toAlice, "c3", says("Done.")+"<replace xmlns='urn:xmpp:message-correct:0' id='q1'/>")
	a.hears(fromAlice, says("1"), "")
	a.say(toAlice, "q1", yesNo)
	a.hears(fromAlice, says("1"), "yes")
	retraction := parsed(fmt.Sprintf(toAlice, "r1", "<retract xmlns='urn:xmpp:message-retract:1' id='q1'/>"))
	a.q.Say(retraction, ref, "", a.now)
	a.hears(fromAlice, says("1"), "")
	if len(changed) != 5 || changed[1].Ref != ref.String() || len(changed[2].Buttons) != 0 || changed[4].Peer.String() != "alice@example.com" || len(changed[4].Buttons) != 0 {
		t.Errorf("%+v", changed)
	}
	record, err := json.Marshal(changed[0])
	var back Question
	if err != nil || json.Unmarshal(record, &back) != nil || fmt.Sprint(back) != fmt.Sprint(changed[0]) {
		t.Errorf("%s: %+v", record, back)
	}
	a.q.Add(back)
	a.hears(fromAlice, says("2"), "no")
}

// A correction of an answer is an answer; one by somebody else is not.
func TestCorrectedChoice(t *testing.T) {
	a := newAsking(t)
	a.say(toAlice, "q1", yesNo)
	a.hears(fromAlice, says("1"), "yes") // as h1
	a.hears(fromAlice, says("2")+"<replace xmlns='urn:xmpp:message-correct:0' id='h1'/>", "no")
	a.hears(fromAlice, says("2")+"<replace xmlns='urn:xmpp:message-correct:0' id='q1'/>", "")
}

// One bot that asks many does not cost others their questions.
func TestQuestionsAreShared(t *testing.T) {
	a := newAsking(t)
	stored := make(map[jid.JID]bool) // as somebody stores what changes
	a.q.Changed = func(one Question) {
		if stored[one.Peer] = true; len(one.Buttons) == 0 {
			delete(stored, one.Peer)
		}
	}
	a.say(nurse, "n1", yesNo)
	one := Question{Own: jid.MustParse("echo@bot.example.com"), Time: a.now, Buttons: []Button{{"a", "a"}}}
	for i := range MaxQuestions + 100 {
		one.Peer = jid.MustParse(fmt.Sprintf("u%d@example.com", i))
		a.q.Add(one)
	}
	a.hears(`<message type='chat' id='%s' to='nurse@bot.example.com' from='alice@example.com/cli'>%s</message>`, says("1"), "yes")
	if n, bytes, dropped := a.q.Count(a.now); n != MaxQuestions || dropped != 101 || bytes > QuestionBytes || len(stored) != n {
		t.Errorf("%d, %d bytes, %d dropped, %d stored", n, bytes, dropped, len(stored))
	}
	a.hears(`<message type='chat' id='%s' to='echo@bot.example.com' from='u100@example.com/x'>%s</message>`, says("1"), "")
	a.hears(`<message type='chat' id='%s' to='echo@bot.example.com' from='u101@example.com/x'>%s</message>`, says("1"), "a")
	for i := range MaxButtons {
		one.Buttons = append(one.Buttons, Button{fmt.Sprint(i), string(make([]byte, maxButtonValue))})
	}
	for i := range 1000 {
		one.Peer = jid.MustParse(fmt.Sprintf("v%d@example.com", i))
		a.q.Add(one)
	}
	if n, bytes, _ := a.q.Count(a.now); bytes > QuestionBytes || bytes < QuestionBytes/2 || len(stored) != n {
		t.Errorf("%d bytes, %d and %d stored", bytes, n, len(stored))
	}
	a.hears(`<message type='chat' id='%s' to='nurse@bot.example.com' from='alice@example.com/cli'>%s</message>`, says("1"), "yes")
}

// A message of somebody who was not asked costs no allocation.
func TestNoQuestionAllocatesNothing(t *testing.T) {
	a := newAsking(t)
	a.say(toAlice, "q1", yesNo)
	s := parsed(fmt.Sprintf(fromBob, "b", says("1")))
	f := Read(s)
	h := Heard{Ref: Received(s)}
	if n := testing.AllocsPerRun(1000, func() { a.q.Hear(s, &f, &h, nil, a.now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is stored last of a conversation is what is known of it, however many ask at a time.
func TestQuestionsChangeInOrder(t *testing.T) {
	q := NewQuestions()
	var mu sync.Mutex
	stored := make(map[jid.JID]string)
	q.Changed = func(one Question) {
		for range rand.IntN(4) {
			runtime.Gosched() // others may come between, if they can
		}
		mu.Lock()
		defer mu.Unlock()
		if stored[one.Peer] = one.ID; len(one.Buttons) == 0 {
			delete(stored, one.Peer)
		}
	}
	q.MaxBytes = 1500 // of three: each may push out another
	now := time.Now()
	for round := range 500 {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				q.Add(Question{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse(fmt.Sprintf("u%d@example.com", i/2)), ID: fmt.Sprint(round, "-", i), Time: now, Buttons: []Button{{"a", "a"}}})
			})
		}
		all.Wait()
		for c, e := range q.all {
			if got := stored[c.peer]; got != e.Value.(Question).ID {
				t.Fatalf("%s: %q is stored, want %q", c.peer, got, e.Value.(Question).ID)
			}
		}
		if len(stored) != len(q.all) {
			t.Fatalf("%d are stored, and %d known", len(stored), len(q.all))
		}
	}
}

// The size of a question is that of its record in the store, or more.
func TestQuestionSize(t *testing.T) {
	for _, text := range []string{"yes", "<<<<&>", `"\"\`, "a\tb\nc", "\u2028\u2029\u2028", "ä€𝄞", "\x7f"} {
		one := Question{Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("u@example.com"), ID: text, Ref: "r1_x", Time: time.Now()}
		for range MaxButtons {
			one.Buttons = append(one.Buttons, Button{text, strings.Repeat(text, 50)})
		}
		record, err := json.Marshal(one)
		if err != nil || one.size() < len(record)+200 {
			t.Errorf("%q: %d for a record of %d (%v)", text, one.size(), len(record), err)
		}
	}
}
