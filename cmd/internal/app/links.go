package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/cmd/internal/questions"
	"stanzahook/cmd/internal/rosters"
	"stanzahook/cmd/internal/sending"
	"stanzahook/component"
	"stanzahook/component/bounce"
	"stanzahook/component/forward"
	"stanzahook/component/outbox"
	"stanzahook/component/presence"
	"stanzahook/component/privilege"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// makeLinks makes the links of all components and the workers of all
// endpoints, which need each other; nothing runs yet.
func (a *App) makeLinks(ctx context.Context) error {
	a.links, a.outboxes, a.grants = make(links), make(map[string]*outbox.Outbox), make(map[string]*privilege.Keeper)
	a.sent = sending.NewOutcomes(a.store.SentMessages(), a.log)
	a.sent.Bounced = a.onBounce
	a.onStop("outcomes of messages", a.sent.Start())
	a.echoes, a.recent, a.quiet = forward.NewEchoes(), message.NewRecent(message.RecentBytes), bounce.NewQuiet()
	buttons, stopButtons := questions.Keep(ctx, a.store.Questions(), a.log)
	a.questions = buttons
	a.onStop("buttons", func(context.Context) { stopButtons() })
	a.listeners = a.newListeners()
	if err := a.makeRooms(ctx); err != nil {
		return err
	}
	a.makeBots()
	a.makeWaiting()
	a.makeCorrections()
	a.makeUploads()
	if earlier, err := a.store.SentMessages().All(ctx); err == nil {
		sending.Recall(earlier, a.recent)
	} else {
		a.log.Warn("messages of the last day not read", zap.Error(err))
	}
	for _, e := range a.webhooks(a.cfg) {
		w, err := a.newWorker(e)
		if err != nil {
			return err
		}
		a.workers = append(a.workers, w)
	}
	a.unreadable = forward.NewUnreadable(a.store.Answered(), a.quiet.Over(a.links), a.log)
	a.forward = forward.New(a.workers, a.echoes, a.recent, a.unreadable, a.log)
	a.makeCommands()
	a.startThreads()
	a.forward.Questions = a.questions
	a.forward.Echoed, a.forward.Proved = a.threads.Echoed, a.sent.OnRoomProof
	a.rooms.Set(parts.RoomSettings(a.cfg), parts.RoomPolicy(a.cfg))
	a.setCommands(a.cfg)
	a.profiles.Show(a.cfg) // with the features of their commands; nobody is connected yet
	a.use(a.cfg)
	a.outboxShares = a.store.Outbox().Shares() // a caller has one share over all components
	for _, c := range a.cfg.Components {
		domain, err := jid.Parse(c.Domain)
		if err != nil {
			return fmt.Errorf("components: domain: %w", err)
		}
		handlers := component.Chain{a.rooms, a.newGrants(c.Domain), &a.sent.Bounces, a.quiet, component.HandlerFunc(a.sent.OnProof), &a.archives, a.bots, a.bots.Guard(), a.commands}
		if c.Presence == config.PresenceAuto {
			handlers = append(handlers, &presence.Auto{Subscribers: a.subscribers, Log: a.log})
		}
		responder := parts.Responder(&c, a.started)
		responder.Features = a.commands.Features
		handlers = append(handlers, a.forward,
			responder.Handler(),
			component.HandlerFunc(presence.Swallow))
		o := parts.LinkOptions(&c, domain, handlers, a.log)
		o.Large = a.rooms.HandleLarge
		var link *component.Link
		o.OnUp = func(ctx context.Context) {
			for _, host := range a.current.Load().cfg.HostsBehind(c.Domain) {
				a.services.Ask(link, host)
			}
			var joins sync.WaitGroup
			defer joins.Wait()
			joins.Go(func() { a.rooms.OnUp(ctx, link) })
			joins.Go(func() { a.finder.OnUp(ctx, link, a.current.Load().cfg.AllHostsBehind(c.Domain)) })
			if c.Presence == config.PresenceAuto {
				a.subscribers.Announce(ctx, link, "")
			}
			a.features.Watch(ctx, link, func() []jid.JID { return a.current.Load().cfg.HostsBehind(c.Domain) })
		}
		o.OnState, o.OnReplaced, o.Await = a.happenings.OnState, a.role.OnReplaced(c.Domain), a.role.Gate()
		if a.role != nil {
			o.May = a.role.May
		}
		link = component.New(o)
		a.links[c.Domain] = link
		box := outbox.New(link, a.store, confirmTime, a.cfg.Outbox.MaxAge, a.log)
		box.Ended, box.Shares, box.Changed = a.sent.OnEnd, a.outboxShares, a.happenings.Changed(c.Domain, box)
		box.Elsewhere = a.waiting.Divert
		a.outboxes[c.Domain] = box
	}
	return nil
}

// newWorker makes the worker of an endpoint.
func (a *App) newWorker(e *webhook.Endpoint) (*delivery.Worker, error) {
	e.Complete = a.complete
	w, err := delivery.NewWorker(e, a.answers(), a.log)
	if err == nil {
		w.Share(&a.attempts)
		w.Watch(a.happenings.Watch())
		w.Gate(a.role.Gate())
		w.Trace(a.tracer)
	}
	return w, err
}

func (a *App) newGrants(domain string) *privilege.Keeper {
	a.grants[domain] = &privilege.Keeper{Log: a.log, Hosts: a.cfg.ServerHosts(domain), Presence: func(from jid.JID, available, repeated bool) { a.rosters.OnLogin(from, available, repeated) }}
	return a.grants[domain]
}

// makeRosters makes the rosters, before the links run, which report logins.
func (a *App) makeRosters(context.Context) (err error) {
	a.rosters, err = rosters.New(a.cfg, rosters.Options{Store: a.store.Rosters(), Links: a.links, Grants: a.grants, OnEnd: a.happenings.OnEnd, Log: a.log})
	return err
}

// keepRosters begins to refresh rosters. That ends before the links.
func (a *App) keepRosters(context.Context) error {
	a.rosters.Begin()
	a.onStop("rosters", a.rosters.End)
	return nil
}

// drain lets no attempt begin any more, and waits for those in progress.
func (a *App) drain(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range a.workers {
		wg.Go(func() { w.Stop(ctx) })
	}
	wg.Wait()
	a.attempts.Close()
}

// flushTime is for the last replies, whatever is left of the drain time.
const flushTime = 2 * time.Second

// confirmTime is how long an HTTP caller waits for the server's confirmation
// until its stanza is stored instead.
const confirmTime = 5 * time.Second

// connect starts the links and what sends over them.
func (a *App) connect(start context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, l := range a.links {
		wg.Go(func() { l.Run(ctx) })
	}
	wg.Go(func() { a.subscribers.Run(ctx) })
	wg.Go(func() { a.updates.Run(ctx) })
	clock, stopClock := context.WithCancel(context.Background())
	clockDone := make(chan struct{})
	go func() { defer close(clockDone); a.rooms.Run(clock) }()
	a.onStop("clock of rooms", func(context.Context) { stopClock(); <-clockDone })
	wg.Go(func() { a.unreadable.Run(ctx) })
	a.onStop("links", func(ctx context.Context) {
		for _, c := range a.cfg.Components {
			if l := a.links[c.Domain]; c.Presence == config.PresenceAuto && l.Connected() {
				a.subscribers.Announce(ctx, l, "unavailable")
			}
		}
		flush, done := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer done()
		for domain, l := range a.links {
			if err := l.Flush(flush); err != nil {
				a.log.Warn("stanzas unconfirmed at stop", zap.String("component", domain), zap.String("hint", "queued events are delivered again after the start"))
			}
		}
		cancel()
		wg.Wait()
	})
	a.onStop("events that are not stored", func(ctx context.Context) {
		settle, done := context.WithTimeout(context.WithoutCancel(ctx), confirmTime)
		defer done()
		a.store.Settle(settle)
	})
	a.onStop("rooms", a.rooms.Stop)
	for domain, box := range a.outboxes {
		stop, err := box.Start(start)
		if err != nil {
			return err
		}
		a.onStop("outbox of "+domain, func(context.Context) { stop() })
	}
	stop, err := a.waiting.Start(start)
	if err != nil {
		return err
	}
	a.onStop("messages that wait for rooms", func(context.Context) { stop() })
	stopCorrections, err := a.corrections.Start(start)
	if err != nil {
		return err
	}
	a.onStop("corrections that wait", func(context.Context) { stopCorrections() })
	a.onStop("endpoints", a.drain)
	a.onStop("addresses of commands", a.drainTargets)
	return nil
}

// links are the links by domain; they are what endpoints and HTTP send over.
type links map[string]*component.Link

// Send implements delivery.Sender.
func (ls links) Send(domain string, s *stanza.Stanza, more bool, done func(error)) error {
	l, ok := ls[domain]
	if !ok {
		return fmt.Errorf("the component %s is not configured any more", domain)
	}
	send := l.Send
	if more {
		send = l.SendWithMore
	}
	return send(s, done)
}
