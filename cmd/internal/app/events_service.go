package app

import (
	"context"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
)

// events implements v1.Events over the workers.
type events struct{ workers *delivery.Workers }

// Read implements v1.Events.
func (s events) Read(ctx context.Context, endpoint, cursor string) (v1.EventReader, error) {
	p, err := s.workers.Puller(endpoint)
	if err != nil {
		return nil, err
	}
	return p.Read(ctx, cursor)
}

// Ack implements v1.Events.
func (s events) Ack(ctx context.Context, endpoint, cursor string) error {
	p, err := s.workers.Puller(endpoint)
	if err != nil {
		return err
	}
	return p.Ack(ctx, cursor)
}
