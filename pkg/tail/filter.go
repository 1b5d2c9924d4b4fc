package tail

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// Filter says which events a reader wants. The zero Filter wants all.
type Filter struct {
	kinds    uint16 // a bit for each kind; 0: all
	endpoint string
	jid      string // bare
	rooms    *globs // of events of rooms; nil: all
}

// globs are the rooms that a reader may see.
type globs struct{ list []jid.Glob }

// InRooms returns a filter that, of rooms, wants only those of a list; an empty list is all.
func (f Filter) InRooms(list []jid.Glob) Filter {
	if len(list) > 0 {
		f.rooms = &globs{list}
	}
	return f
}

// has reports whether an event is not of a room, or of one of these.
func (g *globs) has(s *slot) bool {
	if g == nil || s.kind != OfRoom {
		return true
	}
	room := jid.FromServer(string(s.of(toText)))
	return slices.ContainsFunc(g.list, func(one jid.Glob) bool { return one.Match(room) })
}

// ParseFilter reads a filter: kinds separated by commas, the name of an endpoint, a bare
// JID that is the sender or the recipient. What is empty is any.
func ParseFilter(kindsText, endpoint, address string) (Filter, error) {
	f := Filter{endpoint: endpoint}
	if kindsText != "" {
		for name := range strings.SplitSeq(kindsText, ",") {
			k := indexOf(name)
			if k < 0 {
				return Filter{}, fmt.Errorf("kinds: %q is not one of %s", name, strings.Join(kinds[:], ", "))
			}
			f.kinds |= 1 << k
		}
	}
	if f.kinds == 1<<len(kinds)-1 {
		f.kinds = 0
	}
	if address == "" {
		return f, nil
	}
	j, err := jid.Parse(address)
	switch {
	case err != nil:
		return Filter{}, fmt.Errorf("jid: %w", err)
	case !j.IsBare():
		return Filter{}, fmt.Errorf("jid: %q has a resource; write the bare address %s", address, j.Bare())
	}
	f.jid = j.String()
	return f, nil
}

func indexOf(name string) int {
	for i, k := range kinds {
		if k == name {
			return i
		}
	}
	return -1
}

// all reports whether everything is wanted.
func (f *Filter) all() bool { return *f == Filter{} }

// matches reports whether an event is wanted.
func (f *Filter) matches(s *slot) bool {
	return (f.kinds == 0 || f.kinds&(1<<s.kind) != 0) &&
		(f.endpoint == "" || f.endpoint == string(s.of(endpointText))) &&
		(f.jid == "" || f.isOf(s.of(fromText)) || f.isOf(s.of(toText))) && f.rooms.has(s)
}

// isOf reports whether an address is the wanted one, or a resource of it.
func (f *Filter) isOf(address []byte) bool {
	n := len(f.jid)
	return len(address) >= n && string(address[:n]) == f.jid && (len(address) == n || address[n] == '/')
}
