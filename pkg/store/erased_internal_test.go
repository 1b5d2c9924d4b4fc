package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/zap"
)

// What was stored more than once and removed does not come back after kill -9: neither what was
// stored last nor what was stored before it.
func TestRemovedStaysAway(t *testing.T) {
	ctx := context.Background()
	thread := Thread{Hook: "ci", Key: "build", To: "u@example.com", Time: time.Now()}
	question := Conversation("u@example.com", "b@bot.example.com")
	subscriber := Subscriber{Bot: "b@bot.example.com", User: "u@example.com"}
	must := func(errs ...error) {
		for _, err := range errs {
			if err != nil {
				panic(err)
			}
		}
	}
	open := func(dir string) *Store {
		s, err := Open(ctx, Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30, Log: zap.NewNop()}))
		must(err)
		return s
	}
	if dir := os.Getenv("STANZAHOOK_REMOVED"); dir != "" { // the process that is killed
		s := open(dir)
		other := thread
		other.Key = "other" // of each there is another one, which stays
		must(s.Rooms().Put(ctx, RoomRecord{Room: "other@rooms.example.com"}), s.Bots().Put(ctx, BotRecord{Bot: "other@bot.example.com", Data: []byte("1")}),
			s.Endpoints().Put(ctx, "other", EndpointState{}), s.MadeHooks().Put(ctx, &MadeEndpoint{Name: "other", Slot: 1, Keys: []byte("{}")}),
			s.Subscribers().Put(ctx, Subscriber{Bot: "other@bot.example.com"}), s.Threads().Put(ctx, other), s.Questions().Put(ctx, "other", []byte("1")),
			s.Corrections().Put(ctx, &WaitingMessage{Owner: "other"}, "u@example.com", "m0"))
		var correction *WaitingMessage
		for i := range 3 {
			thread.Ref = fmt.Sprint(i)
			before := correction
			correction = &WaitingMessage{Owner: "o", Stanza: fmt.Sprint(i)}
			must(s.Rooms().Put(ctx, RoomRecord{Room: "r@rooms.example.com", Bot: "b@bot.example.com", Mark: fmt.Append(nil, i)}),
				s.Bots().Put(ctx, BotRecord{Bot: "b@bot.example.com", Data: fmt.Append(nil, i)}),
				s.Endpoints().Put(ctx, "e", EndpointState{Disabled: true, Reason: fmt.Sprint(i)}),
				s.MadeHooks().Put(ctx, &MadeEndpoint{Name: "h", Order: uint64(i), Keys: []byte("{}")}),
				s.Subscribers().Put(ctx, subscriber),
				s.Threads().Put(ctx, thread),
				s.Questions().Put(ctx, question, fmt.Append(nil, i)),
				s.Corrections().Put(ctx, correction, "u@example.com", fmt.Sprint("m1", i)))
			if before != nil {
				must(s.Corrections().Remove(ctx, before))
			}
		}
		must(s.Rooms().Remove(ctx, "r@rooms.example.com", "b@bot.example.com"), s.Bots().Remove(ctx, "b@bot.example.com"), s.Endpoints().Remove(ctx, "e"),
			s.MadeHooks().Remove(ctx, 0), s.Subscribers().Remove(ctx, subscriber), s.Threads().Forget(ctx, thread), s.Questions().Remove(ctx, question), s.Corrections().Remove(ctx, correction))
		fmt.Println("removed")
		select {}
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRemovedStaysAway$")
	child.Env, child.Stderr = append(os.Environ(), "STANZAHOOK_REMOVED="+dir), os.Stderr
	out, err := child.StdoutPipe()
	must(err, child.Start())
	lines := bufio.NewScanner(out)
	lines.Scan()
	_ = child.Process.Kill()
	_ = child.Wait() // it was killed
	if lines.Text() != "removed" {
		t.Fatalf("%q", lines.Text())
	}
	for _, start := range []string{"the kill", "a clean stop"} {
		s := open(dir)
		one := func(what string, n int, err error) {
			if n != 1 || err != nil {
				t.Errorf("after %s: %d %s, not one, %v", start, n, what, err)
			}
		}
		rooms, err := s.Rooms().All(ctx)
		one("rooms", len(rooms), err)
		bots, err := s.Bots().All(ctx)
		one("bots", len(bots), err)
		if state, err := s.Endpoints().Get(ctx, "e"); state.Disabled || err != nil {
			t.Errorf("after %s: %v, %v", start, state, err)
		}
		hooks, err := s.MadeHooks().All(ctx)
		one("hooks", len(hooks), err)
		subscribers, err := s.Subscribers().All(ctx)
		one("subscribers", len(subscribers), err)
		one("threads", len(s.Threads().All()), nil)
		questions, err := s.Questions().All(ctx)
		one("questions", len(questions), err)
		corrections, err := s.Corrections().Load(ctx)
		one("corrections", len(corrections), err)
		s.Close()
	}
}
