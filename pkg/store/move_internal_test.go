package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lanes is what a store ought to hold: by endpoint and conversation, the ids of what waits,
// in order, and what was acknowledged since the start.
type lanes struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string
	s     *Store
	next  int
	wait  map[lane][]Stored
	acked map[string]bool // before a kill, it may come again
}

type lane struct{ endpoint, conversation string }

func (l *lanes) open() {
	l.t.Helper()
	var err error
	l.s, err = Open(l.t.Context(), Elsewhere(Options{Dir: l.dir, MaxBytes: 1 << 30}))
	require.NoError(l.t, err)
	l.hold(5 * time.Millisecond)
}

// hold sets how long an event may hold up others.
func (l *lanes) hold(d time.Duration) {
	r := &l.s.queues.recent
	r.mu.Lock()
	r.heldFor, r.settleFor = d, 4*d
	r.mu.Unlock()
}

// kill ends the store as a kill does: nothing more is written, and nothing removed.
func (l *lanes) kill() {
	l.s.srv.Stop()
	_ = l.s.lock.Close()
	l.s.stop()
	l.s.wg.Wait()
}

func (l *lanes) queue(endpoint string) *Queue {
	l.t.Helper()
	q, err := l.s.Queues().Open(l.t.Context(), endpoint)
	require.NoError(l.t, err)
	return q
}

func (l *lanes) put(at lane, n int) {
	l.t.Helper()
	type result struct {
		r   Record
		seq uint64
		err error
	}
	results := make(chan result, n)
	for range n {
		r := Record{ID: fmt.Sprintf("evt_%d", l.next), Component: "bot.example.com", Conversation: at.conversation, Received: time.UnixMilli(1), Since: time.UnixMilli(2), Stanza: "<message/>"}
		l.next++
		require.NoError(l.t, l.queue(at.endpoint).Append(&r, func(seq uint64, err error) { results <- result{r, seq, err} }))
	}
	for range n {
		r := <-results
		if r.err != nil {
			l.t.Fatal(r.err)
		}
		l.wait[at] = append(l.wait[at], Stored{r.r, r.seq})
	}
}

func (l *lanes) ack(at lane, n int) {
	for ; n > 0 && len(l.wait[at]) > 0; n-- {
		r := l.wait[at][0]
		l.wait[at] = l.wait[at][1:]
		l.acked[r.ID] = true
		l.queue(at.endpoint).Ack(at.conversation, r.Seq)
	}
}

// check reads all conversations, from a random place on.
func (l *lanes) check() {
	l.t.Helper()
	for at, want := range l.wait {
		after := uint64(0)
		if len(want) > 0 && l.rnd.IntN(2) == 0 {
			i := l.rnd.IntN(len(want))
			after, want = want[i].Seq, want[i+1:]
		}
		for len(want) > 0 || after == 0 {
			n := 1 + l.rnd.IntN(40)
			list, err := l.queue(at.endpoint).Read(l.t.Context(), at.conversation, after, n)
			require.NoError(l.t, err)
			if len(list) != min(n, len(want)) || !slices.EqualFunc(list, want[:len(list)], func(a, b Stored) bool { return a == b }) {
				l.t.Fatalf("%v after %d: %d of %d events, want %d: %v\nwant %v", at, after, len(list), n, len(want), places(list), places(want))
			}
			if len(list) == 0 {
				break
			}
			after, want = list[len(list)-1].Seq, want[len(list):]
		}
	}
}

func places(list []Stored) (s []string) {
	for _, r := range list[:min(len(list), 20)] {
		s = append(s, fmt.Sprintf("%s@%d", r.ID, r.Seq))
	}
	return s
}

// reread takes over what a store that was opened again has: all that waits, in order, and
// before it only what was acknowledged shortly before a kill.
func (l *lanes) reread(killed bool) {
	l.t.Helper()
	for at, want := range l.wait {
		q := l.queue(at.endpoint)
		list, err := q.Read(l.t.Context(), at.conversation, 0, 1<<20)
		require.NoError(l.t, err)
		again := len(list) - len(want)
		if again < 0 || again > 0 && !killed || !slices.EqualFunc(list[max(0, again):], want, func(a, b Stored) bool { return a.Record == b.Record }) {
			l.t.Fatalf("%v, killed %v: %v\nwant %v", at, killed, places(list), places(want))
		}
		for i := range list[:again] {
			if !l.acked[list[i].ID] || i > 0 && list[i-1].Seq >= list[i].Seq {
				l.t.Fatalf("%v: %s is there", at, list[i].ID)
			}
		}
		l.wait[at] = list
	}
	for endpoint := range map[string]bool{"a": true, "b": true, "c": true} {
		for conversation, n := range l.queue(endpoint).Backlog() {
			if len(l.wait[lane{endpoint, conversation}]) != n {
				l.t.Fatalf("%s: the backlog of %s is %d, want %d", endpoint, conversation, n, len(l.wait[lane{endpoint, conversation}]))
			}
		}
	}
}

// Whatever is stuck, moved, and killed in between: all that waits is there, in the order
// of each conversation, and nothing twice but what was acknowledged just before a kill.
func TestMoves(t *testing.T) {
	seeds := uint64(1)
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := &lanes{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), wait: make(map[lane][]Stored), acked: make(map[string]bool)}
			l.open()
			defer func() { l.s.Close() }()
			stuck := lane{"a", "x"}
			moved := 0
			for range 100 {
				at := lane{string(rune('a' + l.rnd.IntN(3))), string(rune('x' + l.rnd.IntN(3)))}
				switch n := l.rnd.IntN(100); {
				case n < 45:
					l.put(at, 1+l.rnd.IntN(300))
				case n < 80:
					if at != stuck {
						l.ack(at, 1+l.rnd.IntN(400))
					}
				case n < 85:
					stuck = at
				case n < 88 && len(l.wait[at]) > 0:
					i := l.rnd.IntN(len(l.wait[at]))
					require.NoError(t, l.queue(at.endpoint).Drop(t.Context(), at.conversation, l.wait[at][i].Seq))
					l.wait[at] = slices.Delete(l.wait[at], i, i+1)
				case n < 90:
					require.NoError(t, l.queue(at.endpoint).Recount(t.Context()))
					b := l.queue(at.endpoint).Backlog()
					for _, c := range []string{"x", "y", "z"} {
						if b[c] != len(l.wait[lane{at.endpoint, c}]) {
							t.Fatalf("%s: counted %v, want %d of %s", at.endpoint, b, len(l.wait[lane{at.endpoint, c}]), c)
						}
					}
				case n < 92:
					began := time.Now()
					l.s.Close()
					late := time.Since(began) >= closeWait // what was not removed by then is there, as after a kill
					l.open()
					l.reread(late)
				case n < 94:
					l.kill()
					l.open()
					l.reread(true)
				case n < 96:
					time.Sleep(time.Duration(l.rnd.IntN(150)) * time.Millisecond)
				default:
					l.check()
				}
				for _, endpoint := range []string{"a", "b", "c"} {
					q := l.queue(endpoint)
					q.mu.Lock()
					moved = max(moved, len(q.moved))
					q.mu.Unlock()
				}
			}
			l.check()
			for at := range l.wait {
				l.ack(at, 1<<20)
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				n, err := l.s.Queues().Waiting(t.Context())
				if err == nil && n == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d events are left, %v", n, err)
				}
			}
			t.Logf("%d events; at most %d of one queue moved at a time", l.next, moved)
		})
	}
}

// A move is broken off at each point: after some copies, with a hole among them, before and after its
// originals are gone. An original without a copy before others was finished, or its copy could not be stored;
// copies of an earlier version do not tell. On NATS it was finished.
func TestMoveIsKilled(t *testing.T) {
	const n = 10
	at := lane{"a", "x"}
	for _, c := range []struct {
		name   string
		copies []int // of the events there are
		gone   []int // originals that are removed
	}{
		{"no copy", nil, nil},
		{"some", []int{0, 1, 2}, nil},
		{"a hole", []int{0, 1, 3, 4}, nil},
		{"two holes", []int{0, 1, 3, 4, 7, 8}, nil},
		{"all", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil},
		{"all, and some originals are gone", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, []int{0, 1, 5}},
		{"the first not", []int{1, 2, 3}, nil},
	} {
		for kind, copyOf := range map[string]func(originals []Stored, i int) []byte{
			"finished": func(originals []Stored, i int) []byte {
				before := uint64(0)
				if k := slices.Index(c.copies, i); k > 0 {
					before = originals[c.copies[k-1]].Seq
				}
				return withOrigin(originals[i].data(), originals[i].Seq, before)
			},
			"not stored": func(originals []Stored, i int) []byte {
				return withOrigin(originals[i].data(), originals[i].Seq, originals[i].Seq-1)
			},
			"earlier version": func(originals []Stored, i int) []byte {
				return bytes.Replace(withOrigin(originals[i].data(), originals[i].Seq, 0), []byte(",0"), nil, 1)
			},
		} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				l := &lanes{t: t, rnd: rand.New(rand.NewPCG(1, 2)), dir: t.TempDir(), wait: make(map[lane][]Stored), acked: make(map[string]bool)}
				l.open()
				l.hold(time.Hour)
				l.put(at, n)
				for _, i := range c.copies {
					if _, err := l.s.queues.appendNow(l.queue("a").olderSubject("x"), copyOf(l.wait[at], i)); err != nil {
						t.Fatal(err)
					}
				}
				for _, i := range c.gone {
					require.NoError(t, l.s.queues.recent.st.Delete(context.Background(), l.wait[at][i].Seq))
				}
				if (kind == "finished" || Elsewhere(Options{Dir: l.dir}).NATS != nil) && len(c.copies) > 0 {
					var left []Stored
					for i, e := range l.wait[at] {
						if i > slices.Max(c.copies) || slices.Contains(c.copies, i) {
							left = append(left, e)
						} else {
							l.acked[e.ID] = true
						}
					}
					l.wait[at] = left
				}
				l.kill()
				l.open()
				defer func() { l.s.Close() }()
				l.reread(false)
				l.put(at, 3)
				l.check()
				l.ack(at, 1<<20)
				l.empty("all is acknowledged")
			})
		}
	}
}
