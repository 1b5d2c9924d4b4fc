package api

import (
	"context"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
)

// Events implements [v1.Events] over the workers.
type Events struct{ Workers *delivery.Workers }

// Read implements v1.Events.
func (s Events) Read(ctx context.Context, endpoint, cursor string) (v1.EventReader, error) {
	p, err := s.Workers.Puller(endpoint)
	if err != nil {
		return nil, err
	}
	return p.Read(ctx, cursor)
}

// Ack implements v1.Events.
func (s Events) Ack(ctx context.Context, endpoint, cursor string) error {
	p, err := s.Workers.Puller(endpoint)
	if err != nil {
		return err
	}
	return p.Ack(ctx, cursor)
}
