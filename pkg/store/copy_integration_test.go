//go:build integration

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/store/deliverylog"
)

// copyOptions are those of a store in a directory, or of one on NATS with this name.
func copyOptions(url, at string) Options {
	o := Options{Dir: at, MaxBytes: 64 << 20, MaxStanzaBytes: 1 << 18, OutboxBytes: 4 << 20, OutboxCount: 1000, Log: zap.NewNop()}
	if !filepath.IsAbs(at) {
		o.Dir, o.NATS = "", &NATS{URL: url, Name: at, Replicas: 1, Beat: 300 * time.Millisecond}
	}
	return o
}

func openCopy(t *testing.T, o Options) *Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Open(ctx, o)
	require.NoError(t, err)
	return s
}

// must fails the test at the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	require.NoError(t, errors.Join(errs...))
}

// appendTo stores events in a queue, and returns their places.
func appendTo(t *testing.T, q *Queue, from, to int) []uint64 {
	t.Helper()
	places, done := make([]uint64, to-from), make(chan error, to-from)
	for i := from; i < to; i++ {
		r := Record{ID: fmt.Sprintf("evt_%s_%d", q.Name(), i), Component: "bot.example.com", Conversation: Conversation("u", fmt.Sprint(i%3)),
			Received: time.UnixMilli(int64(i)), Since: time.UnixMilli(int64(i + 1)), Stanza: fmt.Sprintf("<message id='%d'>\n</message>", i)}
		if i%2 == 0 {
			r.Facts = `{"n":` + fmt.Sprint(i) + `}`
		}
		must(t, q.Append(&r, func(seq uint64, err error) {
			places[i-from] = seq
			done <- err
		}))
	}
	for range to - from {
		must(t, <-done)
	}
	return places
}

// furnish puts some of everything into a store.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	open := func(name string) *Queue {
		q, err := s.Queues().Open(ctx, name)
		must(t, err)
		return q
	}
	echo, pulled, moved := open("echo"), open("pulled"), open("moved")
	must(t, pulled.Pull(ctx))
	appendTo(t, moved, 0, 7)
	_, err := moved.move(ctx, s.queues.recent.last()) // the originals are still there when the process ends
	must(t, err)
	places := appendTo(t, echo, 0, 20)
	echo.Ack(Conversation("u", "0"), places[0])
	appendTo(t, pulled, 0, 8)
	appendTo(t, moved, 7, 12)
	appendTo(t, echo, 20, 25)
	for i := range 7 {
		must(t, s.Outbox().Put(ctx, Outgoing{ID: fmt.Sprintf("out%d", i), Component: "bot.example.com", Queued: time.UnixMilli(int64(i)), Stanza: fmt.Sprintf("<message id='o%d'/>", i)}))
		must(t, s.DeadLetters().Put(ctx, &DeadLetter{Record: Record{ID: fmt.Sprintf("evt_dead%d", i), Stanza: "<message/>", Received: time.UnixMilli(5), Since: time.UnixMilli(5)}, Endpoint: "echo", Reason: "gone", Died: time.UnixMilli(int64(i))}))
		must(t, s.Subscribers().Put(ctx, Subscriber{Bot: "bot@bot.example.com", User: fmt.Sprintf("u%d@example.com", i)}))
		must(t, s.Rooms().Put(ctx, RoomRecord{Room: fmt.Sprintf("r%d@rooms.example.com", i), Bot: "bot@bot.example.com", Mark: []byte("m")}))
		_, err := s.Rosters().Put(ctx, fmt.Sprintf("u%d", i), "example.com", []byte("roster"), 0)
		must(t, err, s.Rosters().PutJob(ctx, fmt.Sprintf("job%d", i), []byte("job")))
		must(t, s.SentMessages().Put(ctx, SentMessage{ID: fmt.Sprintf("m%d", i), From: "bot@bot.example.com", To: "u@example.com", State: SentConfirmed, Caller: "shop", Time: time.UnixMilli(9)}))
		must(t, s.Answered().Put(ctx, Conversation("u", fmt.Sprint(i))))
		must(t, s.Threads().Put(ctx, Thread{Hook: "alerts", Key: fmt.Sprint(i), To: "u@example.com", Ref: "ref", Time: time.Now()}))
		must(t, s.WaitingMessages().Put(ctx, &WaitingMessage{Owner: "hook", Caller: "shop", Stanza: "<message/>", Time: time.UnixMilli(3)}, "r@rooms.example.com", fmt.Sprint(i)))
		key := fmt.Sprintf("shop\x00key%d", i)
		_, _, err = s.IdempotencyKeys().Begin(ctx, key, IdempotentRequest{Hash: "h", ID: "id"})
		must(t, err)
		if i%2 == 0 {
			must(t, s.IdempotencyKeys().End(ctx, key, IdempotentRequest{Hash: "h", ID: "id", Status: 202, Answer: []byte("{}")}))
		}
		must(t, s.Endpoints().Put(ctx, fmt.Sprintf("e%d", i), EndpointState{Disabled: true, Reason: "test"}))
		must(t, s.Features().Put(ctx, fmt.Sprintf("h%d.example.com", i), HostFeatures{"mam": time.UnixMilli(int64(i))}))
		must(t, s.MadeEndpoints().Put(ctx, &MadeEndpoint{Slot: i, Name: fmt.Sprintf("made%d", i), Order: uint64(i), Keys: json.RawMessage(`{}`)}))
		must(t, s.MadeCommands().Put(ctx, &MadeEndpoint{Slot: i, Name: fmt.Sprintf("command%d", i), Order: uint64(i), Keys: json.RawMessage(`{}`)}))
		must(t, s.MadeHooks().Put(ctx, &MadeEndpoint{Slot: i, Name: fmt.Sprintf("hook%d", i), Order: uint64(i), Keys: json.RawMessage(`{}`)}))
		must(t, s.Bots().Put(ctx, BotRecord{Bot: fmt.Sprintf("b%d@bot.example.com", i), Data: json.RawMessage(`{}`)}), s.Avatars().Put(ctx, fmt.Sprintf("a%d", i), []byte("image")))
		s.DeliveryLog().Add(&deliverylog.Entry{ID: fmt.Sprintf("evt_%d", i), Endpoint: "echo", Received: time.UnixMilli(int64(i)), State: deliverylog.Delivered})
		must(t, s.DeliveryLog().Flush(ctx))
	}
	must(t, s.Bots().Remove(ctx, "b2@bot.example.com"), s.Avatars().Remove(ctx, "a5"))
	must(t, s.MadeEndpoints().Remove(ctx, 3), s.Subscribers().Remove(ctx, Subscriber{Bot: "bot@bot.example.com", User: "u4@example.com"}))
}

// contents is all that a store has, as its users see it.
func contents(t *testing.T, s *Store) string {
	t.Helper()
	ctx := t.Context()
	var b strings.Builder
	say := func(v any, err error) {
		must(t, err)
		text, err := json.Marshal(v)
		must(t, err)
		fmt.Fprintf(&b, "%s\n", text)
	}
	for _, name := range []string{"echo", "pulled", "moved"} {
		q, err := s.Queues().Open(ctx, name)
		must(t, err)
		if name == "pulled" {
			must(t, q.Pull(ctx))
		}
		list, err := q.List(ctx, 0, 1000)
		for i := range list {
			list[i].Seq, list[i].Sender = 0, ""
		}
		say(list, err)
		backlog := 0
		for _, n := range q.Backlog() {
			backlog += n
		}
		say([]any{name, len(list), backlog}, nil)
	}
	n, err := s.Outbox().Count(ctx, "bot.example.com")
	must(t, err)
	out := make(chan Outgoing, n)
	stop, err := s.Outbox().Consume(ctx, "bot.example.com", func(d *OutgoingDelivery) { out <- d.Outgoing })
	must(t, err)
	for range n {
		say(<-out, nil)
	}
	stop()
	dead, _, err := s.DeadLetters().List(ctx, deliverylog.Filter{Limit: 100})
	say(dead, err)
	log, _, err := s.DeliveryLog().List(ctx, deliverylog.Filter{Limit: 100})
	say(log, err)
	say(sorted(s.Subscribers().All(ctx)))
	say(sorted(s.Rooms().All(ctx)))
	say(sorted(s.Bots().All(ctx)))
	say(sorted(s.Avatars().IDs(ctx)))
	say(sorted(s.SentMessages().All(ctx)))
	say(sorted(s.Threads().All(), nil))
	say(s.MadeEndpoints().All(ctx))
	say(s.MadeHooks().All(ctx))
	say(s.MadeCommands().All(ctx))
	waiting, err := s.WaitingMessages().Load(ctx)
	for _, w := range waiting {
		w.Seq = 0
	}
	say(waiting, err)
	say(s.IdempotencyKeys().Counts(ctx))
	for i := range 7 {
		say(s.Endpoints().Get(ctx, fmt.Sprintf("e%d", i)))
		say(s.Features().Get(ctx, fmt.Sprintf("h%d.example.com", i)))
		say(s.Answered().Has(ctx, Conversation("u", fmt.Sprint(i))))
		say(s.Rosters().Job(ctx, fmt.Sprintf("job%d", i)))
		roster, _, err := s.Rosters().Get(ctx, fmt.Sprintf("u%d", i), "example.com")
		say(string(roster), err)
		known, created, err := s.IdempotencyKeys().Begin(ctx, fmt.Sprintf("shop\x00key%d", i), IdempotentRequest{})
		say([]any{known, created}, err)
	}
	return b.String()
}

func sorted[T any](list []T, err error) ([]string, error) {
	var all []string
	for _, v := range list {
		text, _ := json.Marshal(v) // of structs of texts
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all, err
}

const copyChild = "STANZAHOOK_TEST_COPY" // from, to, URL, the point at which it is killed

// TestCopyChild is the process that TestCopyKilled kills.
func TestCopyChild(t *testing.T) {
	args := strings.Fields(os.Getenv(copyChild))
	if len(args) == 0 {
		return
	}
	var at int
	must(t, json.Unmarshal([]byte(args[3]), &at))
	c := copier{page: 5, reached: func(string) error {
		if at--; at == 0 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}}
	if _, err := c.run(t.Context(), copyOptions(args[2], args[0]), copyOptions(args[2], args[1])); err != nil {
		t.Fatal(err)
	}
}

// A copy that is killed at any point, with kill -9, goes on; in the end the copy has what the
// source has, from a directory to NATS and back. Until then it is no store.
func TestCopyKilled(t *testing.T) {
	t.Parallel()
	n := natsserver.Start(t, natsserver.Options{MaxStore: "100GB"})
	dir := t.TempDir()
	s := openCopy(t, copyOptions("", dir))
	furnish(t, s)
	s.Close()
	s = openCopy(t, copyOptions("", dir))
	want := contents(t, s)
	s.Close()
	child := func(from, to string, at int) (killed bool, out string) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCopyChild$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %d", copyChild, from, to, n.URL(), at))
		text, err := cmd.CombinedOutput()
		exit, ok := errors.AsType[*exec.ExitError](err)
		killed = ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if err != nil && !killed {
			t.Fatalf("%s to %s, killed at %d: %v\n%s", from, to, at, err, text)
		}
		return killed, string(text)
	}
	next := func(at int) int { return 3*at + 1 }
	if os.Getenv("STANZAHOOK_FAULTS") == "full" { // each of the first ones, then some
		next = func(at int) int { return at + 1 + at/1000 }
	}
	for i, way := range []string{"to NATS", "back"} {
		t.Run(way, func(t *testing.T) {
			from, last, points := dir, "", 0
			if i == 1 {
				from = "t1"
			}
			target := func(at int) string {
				if i == 1 {
					return filepath.Join(t.TempDir(), "to")
				}
				return fmt.Sprintf("t%d", at)
			}
			for at := 1; ; at = next(at) {
				to := target(at)
				killed, _ := child(from, to, at)
				if !killed {
					points, last = at, to
					break
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				if i == 1 {
					ctx = t.Context()
				}
				if s, err := Open(ctx, copyOptions(n.URL(), to)); err == nil {
					s.Close()
					t.Fatalf("killed at %d: the copy was opened as a store", at)
				} else if i == 1 && !strings.Contains(err.Error(), "not finished") {
					t.Fatal(err)
				}
				cancel()
				for again := at/2 + 1; killed; { // killed once more on the way
					killed, _ = child(from, to, again)
					again = 0
				}
				s := openCopy(t, copyOptions(n.URL(), to))
				if got := contents(t, s); got != want {
					t.Fatalf("killed at %d: %s", at, firstDifference(want, got))
				}
				s.Close()
			}
			if points < 30 {
				t.Errorf("the copy has only %d points", points)
			}
			s := openCopy(t, copyOptions(n.URL(), last))
			defer s.Close()
			if got := contents(t, s); got != want {
				t.Error(firstDifference(want, got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(g), len(w))
}
