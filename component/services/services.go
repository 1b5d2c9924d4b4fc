// Package services asks services of the XMPP server what they offer to a component, once a
// connection: whether they answer its IQs at all, and their features (XEP-0030). ejabberd
// 24.10 and newer with mod_privilege answer none.
//
//	all := services.New(log)
//	all.Ask(link, jid.MustParse("rooms.example.com")) // on each connection
//	all.Forget("bot.example.com")                     // when it has ended
//
// What is known is in memory alone; after a restart, or a reconnect, services are asked again.
package services

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// A service that has not answered for patience counts as one that answers no IQs, until an
// answer comes, within late.
const (
	patience = 5 * time.Second
	late     = time.Minute
)

// Offer is what one service offers to one component.
type Offer struct {
	Component string // its domain
	Service   jid.JID
	Answers   *bool            // nil: not known yet, or no connection
	Condition stanza.Condition // of the error that it answers with; empty: none
	Name      string           // of its first identity, such as "Prosody Chatrooms"
	Features  []string
}

// Has reports whether a service has a feature.
func (o *Offer) Has(feature string) bool {
	for _, f := range o.Features {
		if f == feature {
			return true
		}
	}
	return false
}

// Silent reports whether a service answers no IQs.
func (o *Offer) Silent() bool { return o.Answers != nil && !*o.Answers }

type key struct{ component, service string }

// Services are those that components use.
type Services struct {
	// OnSilent, which may be nil, is called when a service turns out to answer no IQs, and
	// when it answers after all. Set it before the first Ask.
	OnSilent func(component, service string, silent bool)

	log      *zap.Logger
	patience time.Duration
	mu       sync.Mutex
	all      map[key]*Offer
}

// New returns services that are not asked yet. Log may be nil.
func New(log *zap.Logger) *Services {
	if log == nil {
		log = zap.NewNop()
	}
	return &Services{log: log, patience: patience, all: make(map[key]*Offer)}
}

// Ask asks a service over a link, unless it was asked since the last Forget. It does not
// wait.
func (s *Services) Ask(link *component.Link, service jid.JID) {
	k := key{link.Domain().Domain(), service.Domain()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[k] != nil {
		return
	}
	o := &Offer{Component: k.component, Service: service}
	s.all[k] = o
	go s.ask(link, k, o)
}

func (s *Services) ask(link *component.Link, k key, o *Offer) {
	timer := time.AfterFunc(s.patience, func() {
		if s.learn(k, o, func(o *Offer) bool { return set(o, false) }) {
			s.log.Warn("service does not answer IQs", zap.String("component", k.component), zap.String("service", k.service), zap.String("hint", Silence))
		}
	})
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), late)
	defer cancel()
	info, err := disco.Ask(ctx, link, o.Service)
	refused, isRefused := errors.AsType[*stanza.Error](err)
	switch {
	case err == nil:
		s.learn(k, o, func(o *Offer) bool {
			o.Name, o.Features = info.Name, info.Features
			return set(o, true)
		})
	case isRefused:
		s.learn(k, o, func(o *Offer) bool {
			o.Condition = refused.Condition
			return set(o, true)
		})
	case errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, gateway.ErrDown), errors.Is(err, gateway.ErrBusy): // it was not asked, or its connection has ended
		s.mu.Lock()
		if s.all[k] == o {
			delete(s.all, k)
		}
		s.mu.Unlock()
	default: // what it answers says nothing
		s.learn(k, o, func(o *Offer) bool { return set(o, true) })
	}
}

// set notes whether a service answers, and reports whether that is news.
func set(o *Offer, answers bool) bool {
	news := o.Answers == nil && !answers || o.Answers != nil && *o.Answers != answers
	o.Answers = &answers
	return news
}

// learn changes what is known of a service, and reports whether it was silent and is not any
// more, or the other way round. What belongs to an earlier connection is dropped.
func (s *Services) learn(k key, o *Offer, change func(*Offer) bool) bool {
	s.mu.Lock()
	news := s.all[k] == o && change(o)
	silent := o.Silent()
	s.mu.Unlock()
	if news && s.OnSilent != nil {
		s.OnSilent(k.component, k.service, silent)
	}
	return news
}

// Forget forgets what services offer to a component; its connection has ended.
func (s *Services) Forget(component string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.all {
		if k.component == component {
			delete(s.all, k)
		}
	}
}

// Get returns what a service offers to a component, as far as it is known.
func (s *Services) Get(component string, service jid.JID) Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.all[key{component, service.Domain()}]; o != nil {
		return *o
	}
	return Offer{Component: component, Service: service}
}

// All returns what all services that were asked offer, in no order.
func (s *Services) All() []Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Offer, 0, len(s.all))
	for _, o := range s.all {
		all = append(all, *o)
	}
	return all
}

// The software of servers that is recognised.
const (
	Prosody  = "Prosody"
	Ejabberd = "ejabberd"
)

// Software returns what a service is made of, as far as it, or the server whose subdomain it
// is, says so; else "".
func (s *Services) Software(component string, service jid.JID) string {
	_, parent, _ := strings.Cut(service.Domain(), ".")
	return SoftwareOf(s.Get(component, service), s.Get(component, jid.FromServer(parent)))
}

// SoftwareOf returns what the first of these services is made of that says so; else "".
func SoftwareOf(all ...Offer) string {
	for _, o := range all {
		switch {
		case strings.HasPrefix(o.Name, Prosody):
			return Prosody
		case strings.HasPrefix(o.Name, Ejabberd), o.Has("urn:xmpp:mucsub:0"): // MUC/Sub is ejabberd's own
			return Ejabberd
		}
	}
	return ""
}

// Silence is what to do where a service answers no IQs.
const Silence = "ejabberd 24.10 or newer with mod_privilege answers no IQ of a component to rooms and servers: joins, messages and self-pings work; " +
	"configuration and archive of rooms need a server without mod_privilege"
