package delivery

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Request is the request of a delivery, as it would be made now.
type Request struct {
	URL    string      // without credentials
	Header http.Header // the values that the configuration sets are masked
	Body   []byte
}

// Request returns the request that would be made for a delivery now. The signature is of
// now, too. Errors: gateway.ErrNotFound, gateway.ErrConflict.
func (d *Deliveries) Request(ctx context.Context, id string) (*Request, error) {
	v, err := d.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	w := d.worker(v.Endpoint)
	switch {
	case v.Endpoint == "":
		return nil, fmt.Errorf("%w: it is a stanza for the XMPP server, and no request is made of it", gateway.ErrConflict)
	case w == nil:
		return nil, fmt.Errorf("%w: the endpoint %s is not in the configuration any more", gateway.ErrConflict, v.Endpoint)
	case v.Stanza == "":
		return nil, fmt.Errorf("%w: the log does not have its stanza any more", gateway.ErrConflict)
	}
	s, err := stanza.Parse(v.Stanza, stanza.Limits{MaxBytes: len(v.Stanza) + 1})
	if err != nil {
		return nil, fmt.Errorf("%w: its stanza cannot be read: %w", gateway.ErrConflict, err)
	}
	component := v.Component
	if component == "" {
		component = s.To.Domain()
	}
	made, err := w.HTTPRequest(&webhook.Event{ID: v.ID, Component: component, Received: v.Received, Stanza: s})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrConflict, err)
	}
	defer made.Body.Close()
	body, err := io.ReadAll(made.Body)
	if err != nil {
		return nil, err
	}
	r := &Request{URL: outbound.PublicURL(made.URL.String()), Header: made.Header, Body: body}
	for name := range w.Endpoint().Headers {
		r.Header.Set(name, secret.Hidden)
	}
	return r, nil
}
