package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// epochHeader has the epoch of the active replica: a bot can tell a request of one that was frozen
// for a moment from those of the next one.
const epochHeader = "Stanzahook-Epoch"

// webhooks are the endpoints of a configuration, in its order.
func (a *App) webhooks(cfg *config.Config) []*webhook.Endpoint {
	guard, hosts := outbound.NewGuard(cfg.Outbound.Networks), cfg.OwnHosts()
	var components []string
	for _, c := range cfg.Components {
		components = append(components, c.Domain)
	}
	var all []*webhook.Endpoint
	for _, c := range cfg.Endpoints {
		e := newWebhook(cfg, c)
		e.Guard, e.Proxy, e.Hosts, e.Components = guard, cfg.Outbound.ProxyURL(), hosts, components
		e.Files = a.filesOf(e)
		if st := a.role.Status(); st != nil {
			e.Headers.Set(epochHeader, strconv.FormatUint(st.Epoch, 10))
		}
		all = append(all, e)
	}
	return all
}

func newWebhook(cfg *config.Config, c config.Endpoint) *webhook.Endpoint {
	e := &webhook.Endpoint{
		Name: c.Name, URL: c.URL, Component: c.Component, Format: webhook.Format(c.Format), Queued: c.Delivery == config.DeliveryQueued,
		Stream: c.Stream, Batch: c.Batch, Timeout: c.Timeout, Concurrency: c.Concurrency, Headers: http.Header{},
		Schedule: c.Retry.Schedule, MaxAge: c.Retry.MaxAge, KeepAnswers: cfg.Deliveries.KeepAnswers, DropOld: c.OnExhausted == config.ExhaustedDrop,
		UserAgent: build.UserAgent(), Secrets: c.SigningKeys, Copy: c.Copy, TLS: c.TLS.Config(),
		Match: webhook.Match{To: c.Match.ToGlobs, From: c.Match.FromGlobs, Types: c.Match.Type, Body: c.Match.Body,
			Mention: c.Match.Mention, Own: c.Match.Own, Affiliations: c.Match.Affiliation, Roles: c.Match.Role, RealFrom: c.Match.RealFromGlobs},
		Rooms: c.Rooms, Typing: webhook.Typing(c.Typing), Acknowledge: webhook.Acknowledge(c.Acknowledge),
	}
	if e.Format == webhook.FormatEvent {
		e.ReplyInRooms = c.ReplyInRooms
		e.Encrypted, e.NotReadable = webhook.Encrypted(c.Encrypted), c.EncryptedText
		for _, word := range c.Events {
			e.Events = append(e.Events, message.Event(word))
		}
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

// openQueues opens the queues, with the events of the process before. Endpoints stop
// before the links, which their last replies need.
func (a *App) openQueues(ctx context.Context) error {
	for _, w := range a.workers {
		if err := w.Open(ctx, a.store); err != nil {
			return err
		}
	}
	a.removed = &delivery.Removed{Store: a.store, Sender: a.links, MaxAge: removedAge, Route: a.workerFor, Log: a.log, Watch: a.happenings.Watch()}
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

// removedAge is how long the events of a removed endpoint wait. Its configuration is
// gone, so this is the default of retry.max_age.
const removedAge = 24 * time.Hour
