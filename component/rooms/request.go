package rooms

import (
	"context"
	"errors"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

// iqTimeout is longer than the state machine waits.
const iqTimeout = 40 * time.Second

// request sends an IQ and hands its answers to the room.
func (s *session) request(link *component.Link, st *stanza.Stanza) {
	ctx, cancel := context.WithTimeout(context.Background(), iqTimeout)
	defer cancel()
	p, _ := st.Payload()
	var answers []*stanza.Stanza
	var err error
	if p.Space == nsArchive {
		answers, err = s.askArchive(ctx, st, link)
	} else {
		var answer *stanza.Stanza
		answer, err = link.Request(ctx, st)
		answers = []*stanza.Stanza{answer}
	}
	if err != nil {
		return // the room goes on without
	}
	for _, a := range answers {
		s.receive(a)
	}
}

// askArchive asks an archive, when there is a place for it: after a connect all rooms ask.
// Others take places, too, so it tries again until there is one.
func (s *session) askArchive(ctx context.Context, st *stanza.Stanza, link *component.Link) (answers []*stanza.Stanza, err error) {
	select {
	case s.all.queries <- struct{}{}:
		defer func() { <-s.all.queries }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if answers, err = s.all.o.Archive.Query(ctx, st, link.Request); !errors.Is(err, gateway.ErrBusy) {
			return answers, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// maxQueries is how many archives are asked at a time; package archive has room for more.
const (
	maxQueries = 50
	busyPause  = 50 * time.Millisecond
)

const nsArchive = "urn:xmpp:mam:2"
