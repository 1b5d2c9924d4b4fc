package app

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/component/archive"
	"stanzahook/component/bounce"
	"stanzahook/component/outbox"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// sender is what HTTP callers send messages and presence by: the outbox of the
// component whose domain the sender's address is in.
type sender struct {
	outboxes map[string]*outbox.Outbox
	bounces  *bounce.Watcher
	between  *selfSending
	log      *zap.Logger
}

// Send implements rest.Sender.
func (d sender) Send(ctx context.Context, s *stanza.Stanza) error {
	if d.outboxes[s.From.Domain()] == nil {
		return fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	watch := d.bounces.Expect(s.From, s.To, s.ID)
	_, err := d.between.give(ctx, d.log, d.outboxes, s)
	if back := watch.End(); back != nil && err == nil {
		return &gateway.Bounced{Stanza: back}
	}
	return err
}

// archiver is what HTTP callers ask archives by.
type archiver struct {
	*archive.Collector
	ask requester
}

// Query implements rest.Archiver.
func (a archiver) Query(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error) {
	all, err := a.Collector.Query(ctx, s, a.ask.Request)
	return all, err
}

// requester is what HTTP callers ask IQs by.
type requester struct {
	links
	log *zap.Logger
}

// Request implements rest.Requester.
func (q requester) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	l, ok := q.links[s.From.Domain()]
	if !ok {
		return nil, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	answer, err := ask(ctx, q.log, l, s)
	return answer, err
}
