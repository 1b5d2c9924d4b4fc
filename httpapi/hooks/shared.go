package hooks

import "container/list"

// shared is a bounded table of what belongs to hooks. When it is full, the oldest entry of the
// hook goes that has the most, so that one that sends a lot does not cost others theirs.
type shared[K comparable, V any] struct {
	most int
	all  map[K]*list.Element
	of   map[string]*list.List // by hook, the oldest first
}

type sharedEntry[K comparable, V any] struct {
	hook  string
	key   K
	value V
}

func newShared[K comparable, V any](most int) *shared[K, V] {
	return &shared[K, V]{most: most, all: make(map[K]*list.Element), of: make(map[string]*list.List)}
}

func (s *shared[K, V]) get(key K) (value V, ok bool) {
	e := s.all[key]
	if e == nil {
		return value, false
	}
	return e.Value.(sharedEntry[K, V]).value, true
}

// add puts an entry in, as the newest of its hook.
func (s *shared[K, V]) add(hook string, key K, value V) {
	s.remove(key)
	own := s.of[hook]
	if own == nil {
		own = list.New()
		s.of[hook] = own
	}
	s.all[key] = own.PushBack(sharedEntry[K, V]{hook, key, value})
	if len(s.all) <= s.most {
		return
	}
	// Who has more than its share need not be compared with all others.
	if own.Len()*len(s.of) <= s.most {
		for _, other := range s.of {
			if other.Len() > own.Len() {
				own = other
			}
		}
	}
	s.remove(own.Front().Value.(sharedEntry[K, V]).key)
}

func (s *shared[K, V]) remove(key K) {
	e := s.all[key]
	if e == nil {
		return
	}
	delete(s.all, key)
	hook := e.Value.(sharedEntry[K, V]).hook
	of := s.of[hook]
	if of.Remove(e); of.Len() == 0 {
		delete(s.of, hook)
	}
}
