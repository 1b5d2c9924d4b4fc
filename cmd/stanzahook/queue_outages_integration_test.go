//go:build integration

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/pkg/store"
)

// talker is a user of a real server who writes numbered messages to a bot, and
// keeps what comes of each.
type talker struct {
	user
	name, to string
	sent     int

	mu       sync.Mutex
	echoes   map[int]string // the ids of the answers
	errors   map[int]bool
	last     int
	again    int // answers that had come already
	problems []string
}

func newTalker(t *testing.T, s *lab.Server, name, to string) *talker {
	t.Helper()
	k := &talker{user: login(t, s, name), name: name, to: to, echoes: make(map[int]string), errors: make(map[int]bool), last: -1}
	ctx, cancel := context.WithCancel(t.Context())
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			// Prosody's mod_privilege tells users, too, what they may do: nothing.
			r, err := k.Next(ctx, func(r lab.Received) bool {
				return r.Kind == "message" && !strings.Contains(r.Inner, "'urn:xmpp:privilege:")
			})
			if err != nil {
				return // the test is over
			}
			k.note(r)
		}
	})
	t.Cleanup(func() {
		cancel()
		reader.Wait()
	})
	return k
}

func (k *talker) note(r lab.Received) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := r.Body
	if r.Type == "error" {
		text = r.ID
	}
	name, n, ok := readNumbered(text)
	was, seen := k.echoes[n]
	switch {
	case !ok || name != k.name:
		k.problems = append(k.problems, fmt.Sprintf("came unasked: %+v", r))
	case r.Type == "error":
		if r.Error != "resource-constraint" || !strings.Contains(r.Inner, "wait") || seen || k.errors[n] {
			k.problems = append(k.problems, fmt.Sprintf("message %d: the error %+v, after the answer %q", n, r, was))
		}
		k.errors[n] = true
	case seen:
		k.again++
		if was != r.ID {
			k.problems = append(k.problems, fmt.Sprintf("the answer to %d came as %s and as %s", n, was, r.ID))
		}
	case n < k.last || k.errors[n]:
		k.problems = append(k.problems, fmt.Sprintf("the answer to %d came after that to %d, or after an error", n, k.last))
	default:
		k.echoes[n], k.last = r.ID, n
	}
}

// counts returns how many messages were answered by the bot, and by an error.
func (k *talker) counts() (echoes, errors int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.echoes), len(k.errors)
}

func (k *talker) say(n int) {
	k.t.Helper()
	for range n {
		if err := k.trySay(); err != nil {
			k.t.Fatal(err)
		}
	}
}

func (k *talker) trySay() error {
	text := numberedText(k.name, k.sent)
	k.sent++
	return k.SendRaw("<message to='" + k.to + "' type='chat' id='" + text + "'><body>" + text + "</body></message>")
}

// read waits until the program has read everything that was sent.
func (k *talker) read() {
	k.t.Helper()
	_, domain, _ := strings.Cut(k.to, "@")
	id := fmt.Sprint("ping-", k.sent)
	k.send("<iq type='get' id='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", id, domain)
	k.next("the answer to a ping", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
}

// settled waits until each message has got its answer or an error.
func (k *talker) settled() {
	k.t.Helper()
	awaitAccepted(k.t, func() int {
		echoes, errors := k.counts()
		return echoes + errors
	}, k.sent)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.problems {
		k.t.Errorf("%s: %s", k.name, p)
	}
}

// A bot goes away in all ways there are, and comes back: each message is
// answered, in order, and nobody gets an error.
func TestQueueBotOutages(t *testing.T) {
	size := 20
	if fullFaults() {
		size = 2_000
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b, dir := newTally(t), t.TempDir()
		file := queueConfig(t, s.ComponentAddr(), "kill.localhost", testSecret, dir, queueEndpoint{name: "echo", to: "echo@*", bot: b, timeout: "1s", schedule: manySteps})
		p := startLinked(t, file)
		talkers := []*talker{newTalker(t, s, "dave", "echo@kill.localhost"), newTalker(t, s, "erin", "echo@kill.localhost")}
		say := func(n int) {
			for _, k := range talkers {
				k.say(n)
			}
		}
		settled := func(mode string) {
			t.Helper()
			for _, k := range talkers {
				k.settled()
				if _, errors := k.counts(); errors > 0 {
					t.Errorf("%s: %s got %d errors", mode, k.name, errors)
				}
			}
		}
		logged := func(p *program, text string) int {
			return p.log.count(func(e logEntry) bool { return strings.HasPrefix(e.Msg, text) })
		}

		say(5)
		settled("at first")

		b.close()
		say(size)
		eventually(t, "the first failure", func() bool { return logged(p, "the endpoint does not take events") > 0 })
		say(size)
		if fullFaults() {
			eventually(t, "the breaker opens", func() bool { return logged(p, "the endpoint is down") > 0 })
			say(size)
		}
		b.open()
		say(5)
		settled("connections are refused")

		before := b.requests.Load()
		b.do(func(_ string, _ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return false
		})
		say(size)
		eventually(t, "each conversation is tried twice", func() bool { return b.requests.Load() >= before+4 })
		say(size)
		b.do(nil)
		say(5)
		settled("the bot hangs")

		// The bot asks for two seconds. It counts who disturbs it well within them.
		var began, disturbed atomic.Int64
		b.do(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
			now := time.Now().UnixNano()
			began.CompareAndSwap(0, now)
			if time.Duration(now-began.Load()) > 1500*time.Millisecond {
				return true
			}
			disturbed.Add(1)
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		})
		say(size)
		settled("the bot asks for a pause")
		if n := int(disturbed.Load()); n > len(talkers) {
			t.Errorf("%d requests within the pause that the bot asked for; %d conversations may have been under way", n, len(talkers))
		}

		before = b.requests.Load()
		accepted := b.accepted()
		b.do(answerStatus(http.StatusGone))
		say(size)
		eventually(t, "the endpoint is disabled", func() bool { return logged(p, "the endpoint is disabled") > 0 })
		say(size)
		for _, k := range talkers {
			k.read()
		}
		if code := p.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := int(b.requests.Load() - before); n > len(talkers) {
			t.Errorf("%d requests though the bot is gone; %d conversations may have been under way", n, len(talkers))
		}
		if held := eventsIn(t, dir, "echo"); len(held) != 2*size*len(talkers) {
			t.Errorf("%d of %d messages are in the store", len(held), 2*size*len(talkers))
		}
		b.do(nil)
		p = startLinked(t, file)
		eventually(t, "it is still disabled after a restart", func() bool { return logged(p, "the endpoint is disabled; its events wait") > 0 })
		say(5)
		for _, k := range talkers {
			k.read()
		}
		p.stop()
		if n := b.accepted(); n != accepted {
			t.Errorf("%d messages were accepted by a bot that is gone", n-accepted)
		}
		enableIn(t, dir, "echo")
		p = startLinked(t, file)
		say(5)
		settled("the bot is gone, and enabled again")
		b.complete(func(user string) int {
			for _, k := range talkers {
				if k.name == user {
					return k.sent
				}
			}
			return 0
		}, false)
		balanceOf(b, talkers...).close(t)
	})
}

// balanceOf is the account of users whose messages are all settled.
func balanceOf(b *tally, talkers ...*talker) balance {
	a := balance{Way: fromUsers, Delivered: b.accepted()}
	for _, k := range talkers {
		echoes, errors := k.counts()
		a.Sent += k.sent
		a.Answered += echoes
		a.Bounced += errors
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.again {
		a.Duplicates += n
	}
	return a
}

// enableIn enables an endpoint in the store of a program that has ended.
func enableIn(t *testing.T, dir, endpoint string) {
	t.Helper()
	s := openStore(t, dir)
	defer s.Close()
	if state, err := s.EndpointState(t.Context(), endpoint); err != nil || !state.Disabled {
		t.Errorf("the store says %+v, %v", state, err)
	}
	if err := s.PutEndpointState(t.Context(), endpoint, store.EndpointState{}); err != nil {
		t.Fatal(err)
	}
}
