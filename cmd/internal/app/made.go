package app

import (
	"context"
	"slices"
	"strings"

	"stanzahook/pkg/store"
)

// madeItem is an endpoint, a hook or a command that the API has made.
type madeItem[T any] struct {
	store.MadeEndpoint        // without its keys, which may have secrets
	size               int    // of the keys, in bytes
	item               *T     // nil: the configuration does not allow it
	problems           string // why not
}

// madeItems are all of one kind, in their order.
type madeItems[T any] []madeItem[T]

// allowed returns those that the configuration allows.
func (all madeItems[T]) allowed() []*T {
	var allowed []*T
	for _, m := range all {
		if m.item != nil {
			allowed = append(allowed, m.item)
		}
	}
	return allowed
}

// unused returns why the configuration does not allow an item; empty if it does, or there
// is none.
func (all madeItems[T]) unused(name string) string {
	if i := all.find(name); i >= 0 && all[i].item == nil {
		return "the configuration does not allow it: " + strings.ReplaceAll(all[i].problems, "\n", "; ")
	}
	return ""
}

func (all madeItems[T]) find(name string) int {
	return slices.IndexFunc(all, func(m madeItem[T]) bool { return m.Name == name })
}

// with returns the items with one more behind all others, or with one replaced in its place,
// and what the store is to have of it.
func (all madeItems[T]) with(name string, item *T, keys []byte) (next madeItems[T], record store.MadeEndpoint, fresh bool) {
	next = slices.Clone(all)
	i := next.find(name)
	if fresh = i < 0; fresh {
		taken := make(map[int]bool, len(all))
		for _, m := range all {
			taken[m.Slot] = true
		}
		m := madeItem[T]{MadeEndpoint: store.MadeEndpoint{Name: name}}
		for taken[m.Slot] {
			m.Slot++
		}
		if n := len(all); n > 0 {
			m.Order = all[n-1].Order + 1
		}
		next = append(next, m)
		i = len(next) - 1
	}
	next[i].item, next[i].problems, next[i].size = item, "", len(keys)
	record = next[i].MadeEndpoint
	record.Keys = keys
	return next, record, fresh
}

// without returns the items without the one at a place.
func (all madeItems[T]) without(i int) madeItems[T] {
	return slices.Delete(slices.Clone(all), i, i+1)
}

// bytes returns how much JSON they have together.
func (all madeItems[T]) bytes() (sum int) {
	for _, m := range all {
		sum += m.size
	}
	return sum
}

// readMade reads the items that the store has. Each is made by the configuration with those
// before it.
func readMade[T any](ctx context.Context, from *store.MadeEndpoints, make func(before madeItems[T], name string, keys []byte) (*T, error)) (madeItems[T], error) {
	stored, err := from.All(ctx)
	if err != nil {
		return nil, err
	}
	var all madeItems[T]
	for _, s := range stored {
		m := madeItem[T]{MadeEndpoint: s, size: len(s.Keys)}
		m.Keys = nil
		if m.item, err = make(all, s.Name, s.Keys); err != nil {
			m.problems = err.Error()
		}
		all = append(all, m)
	}
	return all, nil
}
