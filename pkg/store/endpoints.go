package store

import (
	"context"
	"time"
)

// EndpointState is what of an endpoint holds over restarts.
type EndpointState struct {
	Disabled bool      `json:"disabled"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

func endpointsConfig() bucketConfig {
	return bucketConfig{Config: keyValue("endpoints", "which endpoints are disabled"), what: "the state of an endpoint", always: true}
}

// PutEndpointState stores the state of an endpoint.
//
// Killed before it returns: the state is the old one or the new one.
func (s *Store) PutEndpointState(ctx context.Context, name string, st EndpointState) error {
	return s.endpoints.putJSON(ctx, name, st)
}

// EndpointState returns the state of an endpoint; of one that has none, the
// zero state.
func (s *Store) EndpointState(ctx context.Context, name string) (st EndpointState, err error) {
	_, err = s.endpoints.getJSON(ctx, name, &st)
	return st, err
}
