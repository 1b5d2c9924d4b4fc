package app

import (
	"context"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/listeners"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// newListeners returns those who listen: nobody.
func (a *App) newListeners() *listeners.Listeners {
	return listeners.New(listeners.Options{
		Store: a.store, Log: a.log, Begin: a.beginMade, Config: func() *config.Config { return a.current.Load().cfg },
		Kinds: a.kindsAt, Route: a.route, Heir: a.workerFor,
		Worker: func(e *webhook.Endpoint) (*delivery.Worker, error) {
			w, err := delivery.NewWorker(e, a.answers(), a.log)
			if err == nil {
				w.Watch(a.happenings.Watch())
				w.Gate(a.role.Gate())
			}
			return w, err
		},
		Flush: func(ctx context.Context, component string) error { return a.links[component].Flush(ctx) },
		Retire: func(ctx context.Context, w *delivery.Worker) {
			a.remove(ctx, w)
			a.removed.Sweep(ctx)
		},
	})
}

// kindsAt are the kinds of stanzas of the endpoint that gets messages to an address;
// messages, if there is none.
func (a *App) kindsAt(to jid.JID) []stanza.Kind {
	if s, err := stanza.Chat(to, to, "", "x"); err == nil {
		if e, _ := a.forward.Route(to.Domain(), s); e != nil {
			return e.Kinds
		}
	}
	return []stanza.Kind{stanza.Message}
}

// route lets stanzas go to the listeners, and to the endpoints of the configuration.
func (a *App) route() {
	var all []*delivery.Worker
	for _, l := range a.listeners.All() {
		all = append(all, l.Worker())
	}
	a.forward.Set(append(all, a.workers...))
}

// workerFor returns the worker of the endpoint of the configuration that gets a stanza;
// nil if there is none.
func (a *App) workerFor(component string, s *stanza.Stanza) *delivery.Worker {
	for _, w := range a.current.Load().workers {
		if e := w.Endpoint(); !e.Copy && e.Matches(component, s) {
			return w
		}
	}
	return nil
}
