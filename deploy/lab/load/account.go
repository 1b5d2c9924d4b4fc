//go:build linux

package load

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Balance is what became of everything that was sent one way in a fault test.
// What was sent is answered (users) or delivered (callers), bounced, or lost.
type Balance struct {
	Test   string `json:"test"`
	Server string `json:"server"` // prosody, ejabberd, or "in-process"
	Way    way    `json:"way"`

	Sent       int `json:"sent"`
	Delivered  int `json:"delivered"`        // to the bot, or to the user
	Answered   int `json:"answered"`         // the user got the bot's answer; the caller a 202
	Bounced    int `json:"bounced"`          // the sender was told: by an error, a status, a broken connection
	Dead       int `json:"dead_lettered"`    // most of them are bounced, too
	Duplicates int `json:"duplicates"`       // came again, under the same id
	Disorder   int `json:"order_violations"` // came behind a later one of the same conversation

	// Nobody was told; by the reason that the documents give. Those without one are
	// lost though we promise that they are not.
	Lost     int            `json:"lost"`
	Promised int            `json:"lost_promised"`
	Reasons  map[string]int `json:"reasons,omitempty"`

	Figures map[string]float64 `json:"figures,omitempty"` // what else was measured, by name and unit
}

// way is where messages went.
type way string

const (
	FromUsers   way = "users"   // user, server, us, bot, and the answer back
	FromRooms   way = "rooms"   // what a room had of its people, us, bot; no answers
	fromCallers way = "callers" // HTTP caller, us, server, user
)

// reasons are why something can be lost that is not our doing, in the words of
// the documents. TestLossesAreDocumented looks them up.
const (
	LostUnstored = "What was read and not yet stored when the process is killed"
	LostOnTheWay = "what the server had written into a connection that then broke"
	LostByServer = "a crash of the server itself can lose what it had taken"
)

// Loses counts a loss; no reason: it was promised that there is none.
func (a *Balance) Loses(reason string) {
	a.Lost++
	if reason == "" {
		a.Promised++
		return
	}
	if a.Reasons == nil {
		a.Reasons = make(map[string]int)
	}
	a.Reasons[reason]++
}

func (a Balance) String() string {
	s := fmt.Sprintf("%s: sent %d, delivered %d, answered %d, bounced %d, dead-lettered %d, duplicates %d, order violations %d, lost %d (of what was promised: %d)",
		a.Way, a.Sent, a.Delivered, a.Answered, a.Bounced, a.Dead, a.Duplicates, a.Disorder, a.Lost, a.Promised)
	for _, reason := range slices.Sorted(maps.Keys(a.Reasons)) {
		s += fmt.Sprintf("; %d: %s", a.Reasons[reason], reason)
	}
	for _, name := range SortedKeys(a.Figures) {
		s += fmt.Sprintf("; %s %.*f", name, Digits(a.Figures[name]), a.Figures[name])
	}
	return s
}

// Close prints the account, adds it to the results, and checks what has to be.
func (a Balance) Close(t testing.TB) {
	t.Helper()
	name, server, found := strings.Cut(t.Name(), "/")
	a.Test = strings.TrimPrefix(name, "Test")
	if a.Server = cmp.Or(a.Server, server); !found {
		a.Server = cmp.Or(a.Server, "in-process")
	}
	t.Log(a)
	if a.Sent == 0 || a.Delivered == 0 {
		t.Errorf("%s: there was no load", a.Way)
	}
	if a.Promised > 0 {
		t.Errorf("%s: %d messages are lost that we promise to keep", a.Way, a.Promised)
	}
	if a.Disorder > 0 {
		t.Errorf("%s: %d messages came behind later ones", a.Way, a.Disorder)
	}
	come := a.Answered
	if a.Way == fromCallers {
		come = a.Delivered
	}
	if a.Sent != come+a.Bounced+a.Lost {
		t.Errorf("%s: the account does not balance: %d sent, %d came, %d bounced, %d lost", a.Way, a.Sent, come, a.Bounced, a.Lost)
	}
	if file := os.Getenv("STANZAHOOK_ACCOUNTS"); file != "" {
		a.append(t, file)
	}
}

// append adds the account to a file, as one line.
func (a Balance) append(t testing.TB, file string) {
	t.Helper()
	line, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		t.Fatalf("the account cannot be kept: %v", err)
	}
}

// arrivals are the numbered messages of one user, as they came. They belong to so
// many conversations, in turn.
type arrivals struct {
	conversations   int
	ids             map[int]string
	last            map[int]int // by conversation: the highest that came
	again, disorder int
	problems        []string
	late            []int // what came behind a later one, and that one
}

// clock is how problems say when.
const clock = time.TimeOnly + ".000"

func newArrivals(conversations int) arrivals {
	return arrivals{conversations: conversations, ids: make(map[int]string), last: make(map[int]int)}
}

// came notes a message; id is what must be the same if it comes again.
func (a *arrivals) came(n int, id string) {
	c := n % a.conversations
	was, seen := a.ids[n]
	last, other := a.last[c]
	switch {
	case seen:
		a.again++
		if was != id {
			a.problems = append(a.problems, fmt.Sprintf("%d came as %s and as %s", n, was, id))
		}
		return
	case other && n < last:
		a.disorder++
		a.problems = append(a.problems, fmt.Sprintf("%d came first after %d", n, last))
		a.late = append(a.late, n, last)
	}
	a.ids[n] = id
	a.last[c] = max(last, n)
}

func (a *arrivals) has(n int) bool { _, ok := a.ids[n]; return ok }

// reached reports whether any came that has this number or a higher one.
func (a *arrivals) reached(n int) bool {
	for _, last := range a.last {
		if last >= n {
			return true
		}
	}
	return false
}
