package made

import (
	"slices"
	"strings"

	"stanzahook/pkg/store"
)

// Item is one that the API has made.
type Item[T any] struct {
	store.MadeEndpoint        // without its keys, which may have secrets
	size               int    // of the keys, in bytes
	made               *T     // nil: the configuration does not allow it
	problems           string // why not
}

// Problems says why the configuration does not allow an item, a line each; empty: it does.
func (m *Item[T]) Problems() string { return m.problems }

// Items are all of one kind, in their order. They do not change.
type Items[T any] []Item[T]

// Allowed returns those that the configuration allows.
func (all Items[T]) Allowed() []*T {
	var allowed []*T
	for _, m := range all {
		if m.made != nil {
			allowed = append(allowed, m.made)
		}
	}
	return allowed
}

// Unused returns why the configuration does not allow an item; empty if it does, or there
// is none.
func (all Items[T]) Unused(name string) string {
	if i := all.find(name); i >= 0 && all[i].made == nil {
		return "the configuration does not allow it: " + strings.ReplaceAll(all[i].problems, "\n", "; ")
	}
	return ""
}

func (all Items[T]) find(name string) int {
	return slices.IndexFunc(all, func(m Item[T]) bool { return m.Name == name })
}

// With returns the items with one more behind all others, or with one replaced in its place,
// and what the store is to have of it.
func (all Items[T]) With(name string, one *T, keys []byte) (next Items[T], record store.MadeEndpoint, fresh bool) {
	next = slices.Clone(all)
	i := next.find(name)
	if fresh = i < 0; fresh {
		taken := make(map[int]bool, len(all))
		for _, m := range all {
			taken[m.Slot] = true
		}
		m := Item[T]{MadeEndpoint: store.MadeEndpoint{Name: name}}
		for taken[m.Slot] {
			m.Slot++
		}
		if n := len(all); n > 0 {
			m.Order = all[n-1].Order + 1
		}
		next = append(next, m)
		i = len(next) - 1
	}
	next[i].made, next[i].problems, next[i].size = one, "", len(keys)
	record = next[i].MadeEndpoint
	record.Keys = keys
	return next, record, fresh
}

// Without returns the items without the one at a place.
func (all Items[T]) Without(i int) Items[T] {
	return slices.Delete(slices.Clone(all), i, i+1)
}

// Bytes returns how much JSON they have together.
func (all Items[T]) Bytes() (sum int) {
	for _, m := range all {
		sum += m.size
	}
	return sum
}
