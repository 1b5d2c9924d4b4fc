package parts

import (
	"net/http"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Webhooks are the endpoints of a configuration, in its order.
func Webhooks(cfg *config.Config) []*webhook.Endpoint {
	guard, hosts := outbound.NewGuard(cfg.Outbound.Networks), cfg.OwnHosts()
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
