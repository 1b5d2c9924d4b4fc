package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// events implements v1.Events over the workers.
type events struct{ workers []*delivery.Worker }

func (s events) puller(name string) (*delivery.Puller, error) {
	for _, w := range s.workers {
		if w.Endpoint().Name != name {
			continue
		}
		if p := w.Pull(); p != nil {
			return p, nil
		}
		return nil, fmt.Errorf("%w: the endpoint has a url, and its events are sent there; only those of an endpoint without url are pulled", gateway.ErrConflict)
	}
	return nil, gateway.ErrNotFound
}

// Read implements v1.Events.
func (s events) Read(ctx context.Context, endpoint, cursor string) (v1.EventReader, error) {
	p, err := s.puller(endpoint)
	if err != nil {
		return nil, err
	}
	r, err := p.Read(ctx, cursor)
	if err != nil {
		return nil, err
	}
	return eventReader{r}, nil
}

// Ack implements v1.Events.
func (s events) Ack(ctx context.Context, endpoint, cursor string) error {
	p, err := s.puller(endpoint)
	if err != nil {
		return err
	}
	return p.Ack(ctx, cursor)
}

// hangup ends the requests that wait for events, which else would hold up the
// end of the process.
func (s events) hangup() {
	for _, w := range s.workers {
		if p := w.Pull(); p != nil {
			p.Hangup()
		}
	}
}

type eventReader struct{ *delivery.Reader }

// Next implements v1.EventReader.
func (r eventReader) Next(ctx context.Context, n int, wait time.Duration) ([]delivery.Pulled, error) {
	list, err := r.Reader.Next(ctx, n, wait)
	for _, end := range [...]struct {
		is     error
		reason string
	}{
		{delivery.ErrReplaced, v1.EndReplaced},
		{delivery.ErrDisabled, v1.EndDisabled},
		{gateway.ErrStopping, v1.EndStopping},
	} {
		if errors.Is(err, end.is) {
			return nil, v1.Ended{Reason: end.reason, Detail: err.Error()}
		}
	}
	return list, err
}
