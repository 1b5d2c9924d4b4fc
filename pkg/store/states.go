package store

import (
	"context"
	"time"

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

// statesConfig is the stream that all small buckets share on NATS.
func statesConfig() stream.Config {
	c := keyValue("states", "the states of endpoints, hosts and replicas, and what was made by the API")
	c.MaxPerSubject = 1
	return c
}

func (s *Store) openStates() {
	endpoints := bucketConfig{Config: keyValue("endpoints", "which endpoints are disabled"), what: "the state of an endpoint", always: true}
	features := bucketConfig{Config: keyValue("features", "what hosts of the server have"), what: "the features of a host", always: true}
	madeEndpoints, madeHooks := madeConfig("made_endpoints", "endpoint"), madeConfig("made_hooks", "hook")
	madeBots, madeCommands := madeConfig("made_bots", "bot"), madeConfig("made_commands", "command")
	part := func(_ string, c bucketConfig) bucket { return s.bucket(c) }
	if s.o.NATS != nil {
		// Each stream of NATS costs its servers something: these share one.
		shared := s.bucket(bucketConfig{Config: statesConfig(), always: true})
		part = func(name string, c bucketConfig) bucket {
			b := shared
			b.prefix += name + "."
			b.what = c.what
			return b
		}
	}
	s.endpoints = States[EndpointState]{part("endpoints", endpoints), func(name string) string { return name }}
	s.features = States[HostFeatures]{part("features", features), readable}
	s.madeEndpoints = MadeEndpoints{part("made_endpoints", madeEndpoints)}
	s.madeHooks = MadeEndpoints{part("made_hooks", madeHooks)}
	s.madeCommands = MadeEndpoints{part("made_commands", madeCommands)}
	s.bots = Bots{part("made_bots", madeBots)}
}
