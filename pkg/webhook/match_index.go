package webhook

import (
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Index finds the endpoints that a stanza is for, in the order of the configuration. An
// endpoint whose Match.To has only addresses and domains without wildcards is found by
// those; each of the others is asked. So a thousand bots, each with an address
// of its own, cost what one does. The endpoints must not change.
type Index struct {
	all   []*Endpoint
	exact map[string][]int // by address or domain: the places of the endpoints that are found by it
	rest  []int            // the places of the others
}

// few endpoints are asked one by one in less time than an address is looked up.
const few = 3

// NewIndex returns the index of some endpoints.
func NewIndex(all []*Endpoint) *Index {
	x := &Index{all: all, exact: make(map[string][]int)}
	for i, e := range all {
		keys := exactKeys(e.Match.To)
		if keys == nil || len(all) <= few {
			x.rest, keys = append(x.rest, i), nil
		}
		for _, key := range keys {
			if places := x.exact[key]; len(places) == 0 || places[len(places)-1] != i {
				x.exact[key] = append(places, i)
			}
		}
	}
	return x
}

// exactKeys returns the addresses and domains of patterns that have no wildcard; nil if
// one of them has, or there is none.
func exactKeys(patterns []jid.Glob) []string {
	var keys []string
	for _, p := range patterns {
		key, ok := p.Exact()
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
	lists := [3][]int{x.rest}
	if len(x.exact) > 0 {
		address, domain := strings.ToLower(s.To.Bare().String()), strings.ToLower(s.To.Domain())
		if lists[1] = x.exact[address]; domain != address {
			lists[2] = x.exact[domain]
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
		if next < 0 || x.all[next].Matches(component, s) {
			return next
		}
		for i, list := range lists {
			if len(list) > 0 && list[0] == next {
				lists[i] = list[1:]
			}
		}
	}
}
