package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// HostFeatures are what a host of the XMPP server has said that it has, each with
// the time since when it is missing; zero: it is there.
type HostFeatures map[string]time.Time

func (e *engine) openFeatures(ctx context.Context) error {
	kv, err := e.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: "features", Description: "what hosts of the server have", History: 1, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("open the features of hosts: %w", err)
	}
	e.features = kv
	return nil
}

// PutFeatures stores the features of a host.
//
// Killed before it returns: they are the old ones or the new ones.
func (s *Store) PutFeatures(ctx context.Context, host string, f HostFeatures) error {
	data, err := json.Marshal(f)
	if err == nil {
		_, err = s.eng.Load().features.Put(ctx, readable(host), data)
	}
	if err != nil {
		return fmt.Errorf("store the features of %s: %w", host, err)
	}
	return nil
}

// Features returns the features of a host; none if nothing is stored.
func (s *Store) Features(ctx context.Context, host string) (HostFeatures, error) {
	var f HostFeatures
	kv, err := s.eng.Load().features.Get(ctx, readable(host))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(kv.Value(), &f)
	}
	if err != nil {
		return nil, fmt.Errorf("read the features of %s: %w", host, err)
	}
	return f, nil
}
