package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// EndpointState is what of an endpoint holds over restarts.
type EndpointState struct {
	Disabled bool      `json:"disabled"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

func (e *engine) openEndpoints(ctx context.Context) error {
	kv, err := e.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: "endpoints", Description: "which endpoints are disabled", History: 1, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("open the states of endpoints: %w", err)
	}
	e.endpoints = kv
	return nil
}

// PutEndpointState stores the state of an endpoint.
//
// Killed before it returns: the state is the old one or the new one.
func (s *Store) PutEndpointState(ctx context.Context, name string, st EndpointState) error {
	data, err := json.Marshal(st)
	if err == nil {
		_, err = s.eng.Load().endpoints.Put(ctx, name, data)
	}
	if err != nil {
		return fmt.Errorf("store the state of endpoint %s: %w", name, err)
	}
	return nil
}

// EndpointState returns the state of an endpoint; of one that has none, the
// zero state.
func (s *Store) EndpointState(ctx context.Context, name string) (EndpointState, error) {
	var st EndpointState
	kv, err := s.eng.Load().endpoints.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(kv.Value(), &st)
	}
	if err != nil {
		return st, fmt.Errorf("read the state of endpoint %s: %w", name, err)
	}
	return st, nil
}
