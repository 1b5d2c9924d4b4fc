package delivery

import (
	"fmt"

	"stanzahook/pkg/gateway"
)

// Workers holds the workers of all endpoints.
type Workers struct {
	All   []*Worker // in the order of the configuration
	named map[string]*Worker
}

// NewWorkers returns the workers of a configuration.
func NewWorkers(all []*Worker) *Workers {
	ws := &Workers{All: all, named: make(map[string]*Worker, len(all))}
	for _, w := range all {
		ws.named[w.name] = w
	}
	return ws
}

// Named returns the worker of an endpoint; nil if there is none.
func (ws *Workers) Named(endpoint string) *Worker { return ws.named[endpoint] }

// Puller returns the puller of an endpoint without a URL.
//
// Errors: gateway.ErrNotFound, gateway.ErrConflict.
func (ws *Workers) Puller(endpoint string) (*Puller, error) {
	w := ws.Named(endpoint)
	if w == nil {
		return nil, gateway.ErrNotFound
	}
	p := w.Pull()
	if p == nil {
		return nil, fmt.Errorf("%w: the endpoint has a url, and its events are sent there; only those of an endpoint without url are pulled", gateway.ErrConflict)
	}
	return p, nil
}

// Hangup ends the readers, whose waiting requests would hold up the end of the process.
func (ws *Workers) Hangup() {
	for _, w := range ws.All {
		if p := w.Pull(); p != nil {
			p.Hangup()
		}
	}
}
