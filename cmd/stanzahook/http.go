package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/outbox"
	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// listen starts the HTTP server, last of all: whoever reaches it finds the rest
// running.
func (a *app) listen(context.Context) error {
	var domains []jid.JID
	limits := make(map[string]stanza.Limits)
	for _, c := range a.cfg.Components {
		domains = append(domains, jid.MustParse(c.Domain)) // canonical since the configuration was read
		limits[c.Domain] = stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
	}
	srv := httpapi.New(httpapi.Options{
		Listen: a.cfg.HTTP.Listen, Tokens: tokens(a.cfg.HTTP.Tokens), NoAuth: a.cfg.HTTP.InsecureNoAuth,
		MaxBodyBytes: int64(a.cfg.HTTP.MaxBodyBytes), Version: version, Log: a.log, Ready: a.ready,
		Open: []httpapi.Route{openapi.Route(version)},
	}, rest.New(rest.Options{
		Sender: sender(a.boxes), Requester: requester(a.links), Domains: func() []jid.JID { return domains },
		Limits: func(from jid.JID) stanza.Limits { return limits[from.Domain()] }, IQTimeout: a.cfg.HTTP.IQTimeout, IQMaxTimeout: a.cfg.HTTP.IQMaxTimeout, Log: a.log,
	}), v1.New(v1.Options{
		Deliveries: newDeliveries(a.store, a.workers, a.boxes), Endpoints: &endpoints{a.store, a.workers, a.retired, a.cfg.Components[0].Domain}, Events: events{a.workers}, Log: a.log,
	}))
	addr, err := srv.Start()
	if err != nil {
		return err
	}
	a.addr = addr
	a.later("http", func(ctx context.Context) {
		if err := srv.Stop(ctx); err != nil {
			a.log.Warn("requests were broken off", zap.Error(err))
		}
	})
	a.later("readers of events", func(context.Context) { events{a.workers}.hangup() })
	return nil
}

func tokens(configured []TokenConfig) []httpapi.Token {
	var all []httpapi.Token
	for _, c := range configured {
		t := httpapi.Token{Name: c.Name, Hash: c.Hash, Scopes: c.Scopes, From: c.FromGlobs}
		for _, from := range c.From {
			if j, err := jid.Parse(from); err == nil && !strings.ContainsAny(from, "*?") {
				t.DefaultFrom = j
				break
			}
		}
		all = append(all, t)
	}
	return all
}

// sender is what HTTP callers send messages and presence by: the outbox of the
// component whose domain the sender's address is in.
type sender map[string]*outbox.Outbox

// Send implements rest.Sender.
func (boxes sender) Send(ctx context.Context, s *stanza.Stanza) error {
	box, ok := boxes[s.From.Domain()]
	if !ok {
		return fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	_, err := box.Send(ctx, s)
	return restError(err)
}

// requester is what HTTP callers ask IQs by.
type requester links

// Request implements rest.Requester.
func (ls requester) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	l, ok := ls[s.From.Domain()]
	if !ok {
		return nil, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	answer, err := l.Request(ctx, s)
	return answer, restError(err)
}

// restError says in the words of the HTTP side what kept the XMPP side.
func restError(err error) error {
	for _, pair := range [...]struct{ is, as error }{
		{component.ErrUnconfirmed, rest.ErrUnconfirmed},
		{outbox.ErrFull, rest.ErrFull},
		{component.ErrRejected, rest.ErrRejected},
		{component.ErrDown, rest.ErrDown},
		{component.ErrBusy, rest.ErrBusy},
		{component.ErrPending, rest.ErrBusy},
		{component.ErrSameID, rest.ErrDuplicateID},
	} {
		if errors.Is(err, pair.is) {
			return pair.as
		}
	}
	return err
}
