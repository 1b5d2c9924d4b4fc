package webhook

import (
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Index finds the endpoints that a stanza is for, in the order of the configuration. An
// endpoint whose Match.To has only addresses, domains, and localparts at any domain is found
// by those; each of the others is asked. So a thousand bots, each with an address
// of its own, cost what one does. The endpoints must not change.
type Index struct {
	all  []*Endpoint
	keys map[string][]int // by jid.Glob.Key: the places of the endpoints that are found by it
	rest []int            // the places of the others
}

// few endpoints are asked one by one in less time than an address is looked up.
const few = 3

// NewIndex returns the index of some endpoints.
func NewIndex(all []*Endpoint) *Index {
	x := &Index{all: all, keys: make(map[string][]int)}
	for i, e := range all {
		keys := keysOf(e.Match.To)
		if keys == nil || len(all) <= few {
			x.rest, keys = append(x.rest, i), nil
		}
		for _, key := range keys {
			if places := x.keys[key]; len(places) == 0 || places[len(places)-1] != i {
				x.keys[key] = append(places, i)
			}
		}
	}
	return x
}

// keysOf returns the keys of patterns; nil if one has none, or there is none.
func keysOf(patterns []jid.Glob) []string {
	var keys []string
	for _, p := range patterns {
		key, ok := p.Key()
		if !ok {
			return nil
		}
		keys = append(keys, key)
	}
	return keys
}

// Endpoint returns the endpoint at a place.
func (x *Index) Endpoint(place int) *Endpoint { return x.all[place] }

// Next returns the place of the first endpoint, from a place on, that a stanza is for;
// -1 if there is none. The stanza came over a component's link.
func (x *Index) Next(from int, component string, s *stanza.Stanza) int {
	return x.NextIn(from, component, s, RoomOf(s))
}

// NextIn is Next for a stanza whose room is known; nil if it has none.
func (x *Index) NextIn(from int, component string, s *stanza.Stanza, room *Room) int {
	lists := [4][]int{x.rest}
	if len(x.keys) > 0 {
		address, domain := strings.ToLower(s.To.Bare().String()), strings.ToLower(s.To.Domain())
		if lists[1] = x.keys[address]; domain != address {
			lists[2], lists[3] = x.keys[domain], x.keys[address[:strings.IndexByte(address, '@')+1]]
		}
	}
	for i := range lists {
		begin, _ := slices.BinarySearch(lists[i], from)
		lists[i] = lists[i][begin:]
	}
	for {
		next := -1
		for _, list := range lists {
			if len(list) > 0 && (next < 0 || list[0] < next) {
				next = list[0]
			}
		}
		if next < 0 || x.all[next].mismatch(component, s, room) == "" {
			return next
		}
		for i, list := range lists {
			if len(list) > 0 && list[0] == next {
				lists[i] = list[1:]
			}
		}
	}
}
