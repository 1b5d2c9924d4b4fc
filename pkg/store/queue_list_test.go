package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store"
)

// What waits is listed newest first, over large gaps and without what is
// answered.
func TestListOfAQueue(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	q := queue(t, s, "echo")
	seqs := fill(t, q, 0, 2000)
	keep := func(i int) bool { return i < 10 || i > 1900 }
	var want []string
	for i, seq := range seqs {
		if !keep(i) {
			require.NoError(t, q.Drop(t.Context(), record(i, i%7).Conversation, seq))
			continue
		}
		want = append(want, fmt.Sprintf("evt_%d", i))
	}
	q.Ack(record(5, 5).Conversation, seqs[5])
	want = slices.Delete(want, 5, 6)
	slices.Reverse(want)
	var got []string
	for before := uint64(0); ; {
		list, err := q.List(t.Context(), before, 40)
		require.NoError(t, err)
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			got = append(got, r.ID)
		}
		before = list[len(list)-1].Seq
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	for id, there := range map[string]bool{"evt_3": true, "evt_5": false, "evt_1999": true, "evt_100": false, "evt_x": false} {
		r, ok, err := q.Find(t.Context(), id)
		if err != nil || ok != there || ok && r.ID != id {
			t.Errorf("%s: %+v, %t, %v", id, r, ok, err)
		}
	}
	of := record(1, 1)
	of.ID = "evt_6Z1ZN2JPKR7QJ4CXY1GBWWW5KQ" // of a room: made in the year 9036, if it were a time
	stored := make(chan error, 1)
	require.NoError(t, q.Append(of, func(_ uint64, err error) { stored <- err }))
	require.NoError(t, <-stored)
	fill(t, q, 2000, 2010)
	if r, ok, err := q.Find(t.Context(), of.ID); err != nil || !ok || r.ID != of.ID {
		t.Errorf("of a room: %+v, %t, %v", r, ok, err)
	}
	var none []store.Stored
	if list, err := queue(t, s, "empty").List(t.Context(), 0, 10); err != nil || !slices.Equal(list, none) {
		t.Errorf("of an empty queue: %v, %v", list, err)
	}
}
