//go:build linux

package load

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Talker is a user of a real server who writes numbered messages to a bot, and
// keeps what comes of each.
type Talker struct {
	harness.User
	Name, To string
	Sent     int

	Mu       sync.Mutex
	echoes   map[int]string // the ids of the answers
	errors   map[int]bool
	last     int
	Again    int // answers that had come already
	Problems []string
}

func NewTalker(t testing.TB, s *lab.Server, name, to string) *Talker {
	t.Helper()
	k := &Talker{Name: name, To: to, echoes: make(map[int]string), errors: make(map[int]bool), last: -1}
	k.Login(t, s)
	return k
}

// Login logs the user in; again, if the server was away.
func (k *Talker) Login(t testing.TB, s *lab.Server) {
	t.Helper()
	u := harness.Login(t, s, k.Name)
	k.User = u
	ctx, cancel := context.WithCancel(t.Context())
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			// Prosody's mod_privilege tells users, too, what they may do: nothing.
			r, err := u.Next(ctx, func(r lab.Received) bool {
				return r.Kind == "message" && !strings.Contains(r.Inner, "'urn:xmpp:privilege:")
			})
			if err != nil {
				return // the test is over, or the server is gone
			}
			k.note(r)
		}
	})
	t.Cleanup(func() {
		cancel()
		reader.Wait()
	})
}

func (k *Talker) note(r lab.Received) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	text := r.Body
	if r.Type == "error" {
		text = r.ID
	}
	name, n, ok := ReadNumbered(text)
	was, seen := k.echoes[n]
	switch {
	case !ok || name != k.Name:
		k.Problems = append(k.Problems, fmt.Sprintf("came unasked: %+v", r))
	case r.Type == "error":
		if r.Error != "resource-constraint" || !strings.Contains(r.Inner, "wait") || seen || k.errors[n] {
			k.Problems = append(k.Problems, fmt.Sprintf("message %d: the error %+v, after the answer %q", n, r, was))
		}
		k.errors[n] = true
	case seen:
		k.Again++
		if was != r.ID {
			k.Problems = append(k.Problems, fmt.Sprintf("the answer to %d came as %s and as %s", n, was, r.ID))
		}
	case n < k.last || k.errors[n]:
		k.Problems = append(k.Problems, fmt.Sprintf("the answer to %d came after that to %d, or after an error", n, k.last))
	default:
		k.echoes[n], k.last = r.ID, n
	}
}

// Counts returns how many messages were answered by the bot, and by an error.
func (k *Talker) Counts() (echoes, errors int) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	return len(k.echoes), len(k.errors)
}

func (k *Talker) Say(n int) {
	k.T.Helper()
	for range n {
		if err := k.TrySay(); err != nil {
			k.T.Fatal(err)
		}
	}
}

func (k *Talker) TrySay() error {
	text := NumberedText(k.Name, k.Sent)
	k.Sent++
	return k.SendRaw("<message to='" + k.To + "' type='chat' id='" + text + "'><body>" + text + "</body></message>")
}

// Read waits until the program has read everything that was sent.
func (k *Talker) Read() {
	k.T.Helper()
	_, domain, _ := strings.Cut(k.To, "@")
	id := fmt.Sprint("ping-", k.Sent)
	k.Send("<iq type='get' id='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", id, domain)
	k.Await("the answer to a ping", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
}

// Settled waits until each message has got its answer or an error.
func (k *Talker) Settled() {
	k.T.Helper()
	AwaitAccepted(k.T, func() int {
		echoes, errors := k.Counts()
		return echoes + errors
	}, k.Sent)
	k.Mu.Lock()
	defer k.Mu.Unlock()
	for _, p := range k.Problems {
		k.T.Errorf("%s: %s", k.Name, p)
	}
}

// BalanceOf is the account of users whose messages are all settled.
func BalanceOf(b *tally, talkers ...*Talker) Balance {
	a := Balance{Way: FromUsers, Delivered: b.Accepted()}
	for _, k := range talkers {
		echoes, errors := k.Counts()
		a.Sent += k.Sent
		a.Answered += echoes
		a.Bounced += errors
	}
	b.Mu.Lock()
	defer b.Mu.Unlock()
	for _, n := range b.Again {
		a.Duplicates += n
	}
	return a
}
