package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// maxGroups bounds the groups of dead letters. Reasons can quote webhooks, so there may be
// as many as dead letters.
const maxGroups = 500

// Group is the dead letters of one endpoint that have one reason.
type Group struct {
	Endpoint       string // empty: of the outbox
	Reason         string // empty: all that are in no other group
	Count          int
	Oldest, Newest time.Time // when they died
}

// Groups counts the dead letters that a filter matches, by endpoint and reason: the
// largest group first.
func (d *Deliveries) Groups(ctx context.Context, f Filter) ([]Group, error) {
	type key struct{ endpoint, reason string }
	groups := make(map[key]*Group)
	err := d.eachDead(ctx, f, func(dead *store.DeadLetter) {
		k := key{dead.Endpoint, dead.Reason}
		if groups[k] == nil && len(groups) >= maxGroups {
			k = key{}
		}
		g := groups[k]
		if g == nil {
			g = &Group{Endpoint: k.endpoint, Reason: k.reason, Newest: dead.Died}
			groups[k] = g
		}
		g.Count++
		g.Oldest = dead.Died // the list begins with the newest
	})
	if err != nil {
		return nil, err
	}
	all := make([]Group, 0, len(groups))
	for _, g := range groups {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Reason, b.Reason))
	})
	return all, nil
}

// eachDead visits the dead letters that a filter matches, the newest first.
func (d *Deliveries) eachDead(ctx context.Context, f Filter, visit func(*store.DeadLetter)) error {
	f.Limit, f.Cursor = deliverylog.MaxLimit, ""
	for {
		list, next, err := d.store.DeadLetters().List(ctx, f)
		if err != nil {
			return err
		}
		for i := range list {
			visit(&list[i])
		}
		if next == "" {
			return nil
		}
		f.Cursor = next
	}
}

// ReplayMatching replays the dead letters that a filter matches, if they are as many as
// expected. It returns how many, also with an error; see [Deliveries.ReplayAll].
func (d *Deliveries) ReplayMatching(ctx context.Context, f Filter, expected int) (int, error) {
	ids, err := d.expected(ctx, f, expected)
	if err != nil {
		return 0, err
	}
	return d.replayEach(ctx, ids)
}

// DropMatching drops the dead letters that a filter matches, if they are as many as
// expected. It returns how many, also with an error.
//
// Killed on the way: some are dropped, the others still dead letters.
func (d *Deliveries) DropMatching(ctx context.Context, f Filter, expected int) (int, error) {
	ids, err := d.expected(ctx, f, expected)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		err := d.dropDead(ctx, id)
		if errors.Is(err, gateway.ErrNotFound) {
			continue // replayed or dropped meanwhile
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// expected returns the ids of the dead letters that a filter matches, in the order in
// which they were received, if they are as many as expected.
func (d *Deliveries) expected(ctx context.Context, f Filter, expected int) ([]string, error) {
	ids, err := d.deadIDs(ctx, f)
	if err == nil && len(ids) != expected {
		err = fmt.Errorf("%w: %d dead letters match, and not %d as expected; look at them again", gateway.ErrConflict, len(ids), expected)
	}
	return ids, err
}

func (d *Deliveries) deadIDs(ctx context.Context, f Filter) (ids []string, err error) {
	err = d.eachDead(ctx, f, func(dead *store.DeadLetter) { ids = append(ids, dead.ID) })
	slices.Sort(ids)
	return ids, err
}

// replayEach replays dead letters in order.
func (d *Deliveries) replayEach(ctx context.Context, ids []string) (int, error) {
	n := 0
	for _, id := range ids {
		dead, seq, err := d.store.DeadLetters().Get(ctx, id)
		if errors.Is(err, gateway.ErrNotFound) {
			continue // replayed or dropped meanwhile
		}
		if err == nil {
			err = d.revive(ctx, &dead, seq)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
