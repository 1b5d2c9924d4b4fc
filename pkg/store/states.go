package store

import (
	"context"
	"sync"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// EndpointState is what of an endpoint holds over restarts.
type EndpointState struct {
	Disabled bool      `json:"disabled"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// HostFeatures are what a host of the XMPP server has said that it has, each with
// the time since when it is missing; zero: it is there.
type HostFeatures map[string]time.Time

// States are the states of things that have a name. T becomes JSON.
type States[T any] struct {
	bucket
	key func(name string) string
}

// Put stores the state of a thing.
//
// Killed before it returns: the state is the old one or the new one.
func (s *States[T]) Put(ctx context.Context, name string, state T) error {
	return s.putJSON(ctx, s.key(name), state)
}

// Get returns the state of a thing; of one that has none, the zero state.
func (s *States[T]) Get(ctx context.Context, name string) (state T, err error) {
	_, err = s.getJSON(ctx, s.key(name), &state)
	return state, err
}

// Remove forgets the state of a thing.
//
// Killed before it returns: the state may still be there.
func (s *States[T]) Remove(ctx context.Context, name string) error {
	return s.remove(ctx, s.key(name))
}

// statesConfig is the stream that all small buckets share on NATS, where each stream costs the
// servers something, with the avatars. These leave the others room: see Avatars.Put.
func statesConfig(o *Options) stream.Config {
	c := keyValue("states", "the states of endpoints, hosts, rooms and replicas, and what was made by the API")
	c.MaxPerSubject, c.MaxBytes = 1, statesBytes(o)
	return c
}

func (s *Store) openStates() {
	part := func(_ string, c bucketConfig) bucket { return s.bucket(c) }
	if s.o.NATS != nil {
		all := s.bucket(bucketConfig{Config: statesConfig(&s.o)})
		left := &spare{st: all.st, most: statesBytes(&s.o) - stream.BucketBytes(s.o.MaxBytes)/2}
		share := s.share(all)
		part = func(name string, c bucketConfig) bucket {
			b := share(name, c)
			if name != "endpoints" && name != "features" {
				b.spare = left
			}
			return b
		}
	}
	s.endpoints = States[EndpointState]{part("endpoints", bucketConfig{Config: keyValue("endpoints", "which endpoints are disabled"), what: "the state of an endpoint", always: true}), func(name string) string { return name }}
	s.features = States[HostFeatures]{part("features", bucketConfig{Config: keyValue("features", "what hosts of the server have"), what: "the features of a host", always: true}), readable}
	s.madeEndpoints = MadeEndpoints{part("made_endpoints", madeConfig("made_endpoints", "endpoint"))}
	s.madeHooks = MadeEndpoints{part("made_hooks", madeConfig("made_hooks", "hook"))}
	s.madeCommands = MadeEndpoints{part("made_commands", madeConfig("made_commands", "command"))}
	s.bots = Bots{part("made_bots", madeConfig("made_bots", "bot"))}
	s.rooms = Rooms{part("rooms", roomsConfig())}
	s.avatars = Avatars{part("avatars", avatarsConfig()), avatarBytes(&s.o)}
	if s.o.NATS != nil {
		s.avatars.most = statesBytes(&s.o) - statesBuckets/2*stream.BucketBytes(s.o.MaxBytes)
	}
}

// spare is the end of a stream that its large buckets leave free, for those that must be able to
// store always: the record of the active replica is among them. How large the stream is, is looked at
// now and then.
type spare struct {
	st   *stream.Stream
	most int64 // bytes of the stream

	mu   sync.Mutex
	left int // records until the next look
	at   time.Time
	full bool
}

const (
	spareRecords = 64
	spareFor     = 5 * time.Second
)

func (s *spare) refuses(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left < 0 || time.Since(s.at) > spareFor {
		state, err := s.st.State(ctx)
		if err != nil {
			return err
		}
		s.left, s.at, s.full = spareRecords, time.Now(), int64(state.Bytes) > s.most
	}
	if s.full {
		return gateway.ErrFull
	}
	return nil
}

// share returns what makes buckets that are parts of another one: each has a token of its subjects.
func (s *Store) share(all bucket) func(name string, c bucketConfig) bucket {
	return func(name string, c bucketConfig) bucket {
		b := all
		b.prefix += name + "."
		b.shared = true
		b.what, b.always, b.About = c.what, c.always, c.About
		return b
	}
}
