// Package app is the running program: it makes the parts that a configuration asks
// for, connects them with each other, and starts and stops them in order.
package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/cmd/internal/parts"
	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/forward"
	"stanzahook/component/outbox"
	"stanzahook/component/presence"
	"stanzahook/component/privilege"
	"stanzahook/httpapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/account"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// App is the running program: what was started, and how to end it.
type App struct {
	cfg          *config.Config
	log          *zap.Logger
	store        *store.Store
	links        links
	outboxes     map[string]*outbox.Outbox
	outboxShares *store.Shares
	subscribers  *presence.Subscribers
	workers      []*delivery.Worker
	removed      *delivery.Removed
	grants       map[string]*privilege.Keeper // by domain
	rosters      *roster.Rosters
	backends     map[string]*roster.Backends // of rosters, by host
	triggers     triggers                    // of refreshes of rosters
	features     *livecheck.HostFeatures     // of the server's hosts
	forward      *forward.Forward
	echoes       forward.Echoes // of replies to rooms
	server       *httpapi.Server
	metrics      *metrics.Metrics
	accounts     *account.Pool // sessions of /msg; nil: none
	once         v1.Once
	failures     httpapi.Failures // of logins, kept over reloads
	logins       postmsg.Logins
	reloader     v1.Reload // nil: none

	current  atomic.Pointer[current] // to read without reloadMu
	reloadMu sync.Mutex              // held by a reload and by the stop; guards cfg, workers, backends, accounts

	sent        *sentMessages
	archives    archive.Collector
	started     time.Time
	onStoreHung func() // called when only a new process helps
	Addr        string // of the HTTP server
	undo        []undo // last in, first out
}

// current is what a reload replaces.
type current struct {
	cfg     *config.Config
	workers []*delivery.Worker
}

type undo struct {
	name string
	do   func(context.Context)
}

// Start starts everything in order, and takes it back if something fails.
// hung is called when only a new process can go on. r, which may be nil, reads
// the configuration again when it is asked to.
func Start(ctx context.Context, cfg *config.Config, log *zap.Logger, hung func(), r *Reloader) (*App, error) {
	a := &App{cfg: cfg, log: log, onStoreHung: hung, started: time.Now()}
	if r != nil {
		r.app, a.reloader = a, r.reload
	}
	for _, step := range []func(context.Context) error{a.openStore, a.makeLinks, a.makeRosters, a.openQueues, a.connect, a.keepRosters, a.listen} {
		if err := step(ctx); err != nil {
			a.Stop()
			return nil, err
		}
	}
	return a, nil
}

func (a *App) onStop(name string, do func(context.Context)) { a.undo = append(a.undo, undo{name, do}) }

// Stop ends everything in the reverse order, within the drain time.
func (a *App) Stop() {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Drain)
	defer cancel()
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.log.Debug("stopping " + a.undo[i].name)
		a.undo[i].do(ctx)
	}
	a.undo = nil
}

func (a *App) openStore(ctx context.Context) error {
	largest := 0
	for _, c := range a.cfg.Components {
		largest = max(largest, int(c.MaxStanzaBytes))
	}
	s, err := store.Open(ctx, store.Options{
		Dir: a.cfg.Store.Dir, Sync: store.Sync(a.cfg.Store.Sync), MaxBytes: int64(a.cfg.Store.MaxBytes), MaxStanzaBytes: largest, Log: a.log,
		OutboxBytes: min(int64(a.cfg.Outbox.MaxBytes), int64(a.cfg.Store.MaxBytes)/4), OutboxCount: int64(a.cfg.Outbox.MaxCount),
		JobKeep: roster.JobKeep, LogKeep: a.cfg.Deliveries.Keep, LogCount: a.cfg.Deliveries.MaxCount,
		OnHung: a.onStoreHung, DeadKeep: a.cfg.DeadLetters.Keep, DeadBytes: min(int64(a.cfg.DeadLetters.MaxBytes), int64(a.cfg.Store.MaxBytes)/4),
	})
	if err != nil {
		return err
	}
	a.store, a.features = s, livecheck.NewHostFeatures(s.Features())
	a.onStop("store", func(context.Context) { s.Close() })
	a.subscribers, err = presence.LoadSubscribers(ctx, s.Subscribers(), a.log)
	return err
}

// makeLinks makes the links of all components and the workers of all
// endpoints, which need each other; nothing runs yet.
func (a *App) makeLinks(context.Context) error {
	a.links, a.outboxes, a.grants = make(links), make(map[string]*outbox.Outbox), make(map[string]*privilege.Keeper)
	a.sent = newSentMessages(a.store.SentMessages(), a.log)
	a.onStop("what became of messages", a.sent.start())
	for _, e := range webhooks(a.cfg) {
		w, err := delivery.NewWorker(e, a.echoes.Over(a.links), a.log)
		if err != nil {
			return err
		}
		a.workers = append(a.workers, w)
	}
	a.forward = forward.New(a.workers, &a.echoes, a.log)
	a.current.Store(&current{a.cfg, a.workers})
	a.outboxShares = a.store.OutgoingShares() // a caller has one over all components
	for _, c := range a.cfg.Components {
		domain, err := jid.Parse(c.Domain)
		if err != nil {
			return fmt.Errorf("components: domain: %w", err)
		}
		handlers := component.Chain{a.keeper(c.Domain), &a.sent.bounces, &a.archives}
		if c.Presence == config.PresenceAuto {
			handlers = append(handlers, &presence.Auto{Subscribers: a.subscribers, Log: a.log})
		}
		handlers = append(handlers, a.forward,
			parts.Responder(&c, a.started).Handler(),
			component.HandlerFunc(presence.Swallow))
		o := parts.LinkOptions(&c, domain, handlers, a.log)
		var link *component.Link
		o.OnUp = func(ctx context.Context) {
			if c.Presence == config.PresenceAuto {
				a.subscribers.Announce(ctx, link, "")
			}
			a.features.Watch(ctx, link, func() []jid.JID { return parts.HostsBehind(a.current.Load().cfg, c.Domain) })
		}
		link = component.New(o)
		a.links[c.Domain] = link
		box := outbox.New(link, a.store, confirmTime, a.cfg.Outbox.MaxAge, a.log)
		box.Ended, box.Shares = a.sent.onEnd, a.outboxShares
		a.outboxes[c.Domain] = box
	}
	return nil
}

// keeper makes what keeps a component's privileges.
func (a *App) keeper(domain string) *privilege.Keeper {
	k := &privilege.Keeper{Log: a.log, Hosts: parts.ServerHosts(a.cfg, domain), Presence: a.triggers.onLogin}
	a.grants[domain] = k
	return k
}

// webhooks are the endpoints of a configuration, in its order.
func webhooks(cfg *config.Config) []*webhook.Endpoint {
	guard, hosts := outbound.NewGuard(cfg.Outbound.Networks), parts.OwnHosts(cfg)
	var components []string
	for _, c := range cfg.Components {
		components = append(components, c.Domain)
	}
	var all []*webhook.Endpoint
	for _, c := range cfg.Endpoints {
		e := newWebhook(cfg, c)
		e.Guard, e.Proxy, e.Hosts, e.Components = guard, cfg.Outbound.ProxyURL(), hosts, components
		all = append(all, e)
	}
	return all
}

func newWebhook(cfg *config.Config, c config.Endpoint) *webhook.Endpoint {
	e := &webhook.Endpoint{
		Name: c.Name, URL: c.URL, Component: c.Component, Format: webhook.Format(c.Format), Queued: c.Delivery == config.DeliveryQueued,
		Timeout: c.Timeout, Concurrency: c.Concurrency, Headers: http.Header{},
		Schedule: c.Retry.Schedule, MaxAge: c.Retry.MaxAge, DropOld: c.OnExhausted == config.ExhaustedDrop,
		UserAgent: build.UserAgent(), Secrets: c.SigningKeys, Copy: c.Copy, TLS: c.TLS.Config(),
		Match: webhook.Match{To: c.Match.ToGlobs, From: c.Match.FromGlobs, Types: c.Match.Type, Body: c.Match.Body},
	}
	for _, p := range c.Match.Payloads {
		e.Match.Payloads = append(e.Match.Payloads, webhook.Payload{NS: p.Space, Name: p.Local})
	}
	for _, comp := range cfg.Components { // a reply must fit every link it may leave by
		if c.Component == "" || c.Component == comp.Domain {
			if n := int(comp.MaxStanzaBytes); e.Limits.MaxBytes == 0 || n < e.Limits.MaxBytes {
				e.Limits.MaxBytes = n
			}
		}
	}
	for name, value := range c.Headers {
		e.Headers.Set(name, value.Reveal())
	}
	for _, kind := range c.Stanzas {
		e.Kinds = append(e.Kinds, stanza.KindOf(kind))
	}
	return e
}

// openQueues begins with what the process before us left in the queues. The
// endpoints stop before the links do, whose last replies need them.
func (a *App) openQueues(ctx context.Context) error {
	for _, w := range a.workers {
		if err := w.Open(ctx, a.store); err != nil {
			return err
		}
	}
	a.removed = &delivery.Removed{Store: a.store, Sender: a.links, MaxAge: removedAge, Log: a.log}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.removed.Run(run)
	}()
	a.onStop("queues of removed endpoints", func(context.Context) {
		cancel()
		<-done
	})
	return nil
}

// removedAge is how long the events of an endpoint wait that is not in the
// configuration any more, which would say it: the default of retry.max_age.
const removedAge = 24 * time.Hour

// drain lets no attempt begin any more, and waits for those under way.
func (a *App) drain(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range a.workers {
		wg.Go(func() { w.Stop(ctx) })
	}
	wg.Wait()
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
				a.log.Warn("not everything was confirmed by the server; queued events will be delivered again", zap.String("component", domain))
			}
		}
		cancel()
		wg.Wait()
	})
	for domain, box := range a.outboxes {
		stop, err := box.Start(start)
		if err != nil {
			return err
		}
		a.onStop("outbox of "+domain, func(context.Context) { stop() })
	}
	a.onStop("endpoints", a.drain)
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

// DrainTime is how long the stop may take.
func (a *App) DrainTime() time.Duration { return a.current.Load().cfg.Drain }

// readiness returns what says why the process is not ready to work; nothing if
// it is. The components stay the same over reloads.
func (a *App) readiness() func(ctx context.Context) []string {
	components := a.cfg.Components
	return func(ctx context.Context) []string {
		var reasons []string
		for _, c := range components {
			if st := a.links[c.Domain].Status(); st.State != component.Up {
				reasons = append(reasons, fmt.Sprintf("component %s: %s", c.Domain, st.Reason))
			}
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := a.store.Ready(ctx); err != nil {
			reasons = append(reasons, err.Error())
		}
		return reasons
	}
}
