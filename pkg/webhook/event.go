package webhook

import (
	"time"

	"stanzahook/pkg/stanza"
)

// Event is one stanza for one endpoint.
type Event struct {
	ID        string // "evt_…"; the webhook-id, constant over attempts and restarts
	Component string // domain of the link it came over
	Received  time.Time
	Test      bool // made up, to try an endpoint
	Stanza    *stanza.Stanza
}
