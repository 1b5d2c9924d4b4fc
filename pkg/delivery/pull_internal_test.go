package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

func newPulled(t *testing.T, change ...func(*testbed)) *testbed {
	t.Helper()
	return newTestbed(t, nil, append([]func(*testbed){func(b *testbed) { b.e.URL, b.e.Format = "", webhook.FormatEvent }}, change...)...)
}

func (b *testbed) ack(cursor string) {
	b.t.Helper()
	b.must(b.w.Pull().Ack(b.t.Context(), cursor))
}

// stored waits until all events are stored.
func (b *testbed) stored() {
	b.t.Helper()
	b.until("all events stored", func() bool {
		p := b.w.pull
		return p.disk.Top()-p.place() >= uint64(p.len())
	})
}

// gone waits until nothing is left.
func (b *testbed) gone() {
	b.t.Helper()
	b.until("everything acknowledged and removed", func() bool {
		n, err := b.s.Queues().Waiting(context.Background())
		return err == nil && n == 0 && b.w.Status().Queued == 0
	})
	b.w.pull.mu.Lock()
	defer b.w.pull.mu.Unlock()
	if owing := b.w.pull.unconfirmed; len(owing) > 0 {
		b.t.Errorf("%d are owing", len(owing))
	}
}

type seenEvent struct {
	id, stanza, from, cursor string
}

// read reads with a reader of its own: n events, after a cursor.
func (b *testbed) read(after string, n int) []seenEvent {
	b.t.Helper()
	r, err := b.w.Pull().Read(b.t.Context(), after)
	require.NoError(b.t, err)
	defer r.Close()
	var all []seenEvent
	for len(all) < n {
		list, err := r.Next(b.t.Context(), n-len(all), 10*time.Second)
		if err != nil || len(list) == 0 {
			b.t.Fatalf("%d of %d events came, then: %v", len(all), n, err)
		}
		for _, e := range list {
			var v struct {
				ID   string
				Data struct{ ID, From, Stanza string }
			}
			require.NoError(b.t, json.Unmarshal(e.JSON, &v))
			all = append(all, seenEvent{v.ID, v.Data.ID, v.Data.From, e.Cursor})
		}
		if r.Cursor() != all[len(all)-1].cursor {
			b.t.Fatal("the reader's cursor is not that of the last event")
		}
	}
	return all
}

// none checks that nothing is to be read after a cursor.
func (b *testbed) none(after string) {
	b.t.Helper()
	r, err := b.w.Pull().Read(b.t.Context(), after)
	require.NoError(b.t, err)
	defer r.Close()
	if list, err := r.Next(b.t.Context(), 10, 0); err != nil || len(list) != 0 {
		b.t.Fatalf("%d events are there, %v", len(list), err)
	}
	if after != "" && r.Cursor() != after {
		b.t.Errorf("the cursor became %s from %s with nothing new", r.Cursor(), after)
	}
}

func TestPullOrderAcknowledgementRestart(t *testing.T) {
	b := newPulled(t)
	for range 100 {
		for _, user := range []string{"u1", "u2", "u3"} {
			b.put(user)
		}
	}
	b.stored()
	first := b.read("", 300)
	next := map[string]int{}
	for _, e := range first {
		if e.stanza != fmt.Sprint(next[e.from]) {
			t.Fatalf("%s: %s came when %d was due", e.from, e.stanza, next[e.from])
		}
		next[e.from]++
	}
	if st := b.w.Status(); st.Queued != 300 || st.InMemory != 0 {
		t.Errorf("%+v", st)
	}
	same := func(from int) {
		t.Helper()
		for i, e := range b.read("", 300-from) {
			if e != first[from+i] {
				t.Fatalf("the event %d was %+v and is %+v", from+i, first[from+i], e)
			}
		}
	}
	same(0)
	b.close()
	b.open()
	same(0)
	if got := b.read(first[99].cursor, 1); got[0] != first[100] {
		t.Fatalf("after the hundredth comes %+v", got[0])
	}
	same(100)
	b.ack(first[49].cursor) // long past
	same(100)
	b.close()
	b.open()
	same(100)
	b.ack(first[299].cursor)
	b.none(first[299].cursor)
	b.gone()
	b.close()
	b.open()
	b.none("")
	b.none(first[299].cursor)
	if n := b.w.Counters.Delivered.Load(); n != 0 {
		t.Errorf("%d were delivered by the third process", n)
	}
}

func TestPullWaits(t *testing.T) {
	b := newPulled(t)
	r, err := b.w.Pull().Read(t.Context(), "")
	require.NoError(t, err)
	if list, err := r.Next(t.Context(), 10, time.Millisecond); len(list) > 0 || err != nil {
		t.Errorf("%v %v", list, err)
	}
	for i := range 20 {
		var wg sync.WaitGroup
		wg.Go(func() {
			list, err := r.Next(t.Context(), 10, time.Minute)
			if err != nil || len(list) != 1 {
				t.Errorf("%d: %d events, %v", i, len(list), err)
			}
		})
		b.put("u")
		wg.Wait()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := r.Next(ctx, 10, time.Minute); len(list) > 0 || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", list, err)
	}
}

func TestPullOneReader(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(b *testbed) error
		want error
		next error
	}{
		{"replaced", func(b *testbed) error {
			_, err := b.w.Pull().Read(b.t.Context(), "")
			return err
		}, ErrReplaced, nil},
		{"stopping", func(b *testbed) error { b.w.Pull().Hangup(); return nil }, gateway.ErrStopping, gateway.ErrStopping},
		{"disabled", func(b *testbed) error { return b.w.Disable(b.t.Context(), "test") }, ErrDisabled, ErrDisabled},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPulled(t)
			r, err := b.w.Pull().Read(t.Context(), "")
			require.NoError(t, err)
			ended := make(chan error)
			go func() {
				_, err := r.Next(t.Context(), 10, time.Minute)
				ended <- err
			}()
			require.NoError(t, c.end(b))
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
			b.put("u")
			b.stored()
			if _, err := r.Next(t.Context(), 10, 0); !errors.Is(err, c.want) {
				t.Errorf("it reads on: %v", err)
			}
			r.Close() // not the other's
			if _, err := b.w.Pull().Read(t.Context(), ""); !errors.Is(err, c.next) {
				t.Errorf("the next reader: %v", err)
			}
		})
	}
}

func TestPullWrongCursors(t *testing.T) {
	b := newPulled(t)
	b.put("u")
	b.put("u")
	b.stored()
	all := b.read("", 2)
	c, err := parseCursor(all[1].cursor)
	require.NoError(t, err)
	future, other, changed := c, c, c
	future.place++
	other.queue++
	changed.event++
	for name, text := range map[string]string{
		"nonsense": "x", "upper case": strings.ToUpper(all[1].cursor), "cut": all[1].cursor[1:], "longer": all[1].cursor + "aaaaaaaa",
		"future": future.String(), "another queue": other.String(), "another event": changed.String(),
	} {
		if err := b.w.Pull().Ack(t.Context(), text); !errors.Is(err, gateway.ErrCursor) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.w.Pull().Read(t.Context(), text); !errors.Is(err, gateway.ErrCursor) {
			t.Errorf("%s: read: %v", name, err)
		}
	}
	if n := b.w.Status().Queued; n != 2 {
		t.Errorf("%d are left", n)
	}
}

// An event that was read twice was tried twice; one that is acknowledged is forgotten.
func TestPullTries(t *testing.T) {
	b := newPulled(t)
	for range 3 {
		b.put("u")
	}
	b.stored()
	b.read("", 2)
	all := b.read("", 3)
	b.ack(all[2].cursor)
	for i, want := range []int{2, 2, 1} {
		var d deliverylog.Delivery
		b.until("the log has it", func() (ok bool) {
			var err error
			d, err = b.s.DeliveryLog().Get(t.Context(), all[i].id)
			return err == nil && d.State == deliverylog.Delivered
		})
		if len(d.Attempts) != want || d.Attempts[0].Time.IsZero() || d.Attempts[0].Error != "" {
			t.Errorf("event %d: %+v", i, d.Attempts)
		}
	}
	if n := len(b.w.pull.handouts); n != 0 {
		t.Errorf("%d pages are remembered", n)
	}
}

// A reader that never acknowledges costs no memory.
func TestPullHandoutsAreBounded(t *testing.T) {
	p := &Puller{}
	for i := range uint64(3 * maxHandouts) {
		p.handOut(i, i+1)
	}
	if len(p.handouts) != maxHandouts || len(p.shown(3*maxHandouts)) != 1 || len(p.shown(1)) != 0 {
		t.Errorf("%d", len(p.handouts))
	}
}
