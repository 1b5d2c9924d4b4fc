package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/api"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/tail"
)

// hookRoutes are the addresses of the hooks of a configuration. What they count stays over
// reloads.
func (a *App) hookRoutes(cfg *config.Config, send gateway.Sender) []httpapi.Mount {
	return hooks.New(hooks.Options{Hooks: parts.Hooks(cfg), Sender: send, Rooms: a.waiting, Requests: a.store.IdempotencyKeys(), Threads: a.threads, Statuses: &a.hooks, OnRequest: a.happenings.OnHook, Log: a.log})
}

// hookAPI is what the API asks of hooks.
func (a *App) hookAPI(send gateway.Sender) *api.Hooks {
	return &api.Hooks{Config: a.config, Table: a.made.hooks, Statuses: &a.hooks, Waiting: a.waiting, Sender: send}
}

// startThreads begins to keep the threads of hooks; their last ids are stored at the stop.
func (a *App) startThreads() {
	a.threads = hooks.NewThreads(a.store.Threads(), a.log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.threads.Run(ctx) }()
	a.onStop("threads of hooks", func(context.Context) { cancel(); <-done })
}

// onBounce finds the hook of a message that came back. It does not wait.
func (a *App) onBounce(s *stanza.Stanza) {
	if a.waiting.Bounced(s) {
		return
	}
	name, ok := a.hooks.Bounced(s)
	if !ok {
		return
	}
	a.threads.Bounced(s)
	reason := "the message came back as an error"
	if e, _ := s.StanzaError(); e != nil {
		reason = string(e.Condition)
		if e.Text != "" {
			reason += ": " + e.Text
		}
	}
	a.log.Warn("message of hook came back", zap.String("hook", name), zap.Stringer("to", s.From), zap.String("stanza_id", s.ID), zap.String("reason", reason))
	a.logFailed(name, s.Type, s.ID, s.To, s.From, reason)
}

// onNotSent notes a message that could not be brought into its room. It waits for the store.
func (a *App) onNotSent(name string, s *stanza.Stanza, reason string) {
	a.threads.Failed(context.Background(), s)
	a.hooks.Fail(name, s.To.String()+": "+reason)
	a.log.Warn("message of hook not sent", zap.String("hook", name), zap.Stringer("to", s.To), zap.String("stanza_id", s.ID), zap.String("reason", reason))
	a.logFailed(name, s.Type, s.ID, s.From, s.To, reason)
}

// logFailed puts a message that has failed into the delivery log and the tail.
//
// Killed before the log is written: the state of the message has the error, if it was sent.
func (a *App) logFailed(name, typ, id string, from, to jid.JID, reason string) {
	if typ != "groupchat" {
		typ = "chat"
	}
	a.happenings.Hook(tail.Hook{Hook: name, Adapter: a.hooks.Get(name).Adapter, Result: "returned", Messages: 1})
	now, endpoint := time.Now(), hooks.Caller(name)
	a.store.DeliveryLog().Add(&deliverylog.Entry{
		ID: id, Endpoint: endpoint, Component: from.Domain(), Type: "message." + typ, From: from.String(), To: to.String(), Received: now, State: deliverylog.Dropped, Reason: reason,
	})
	a.happenings.Delivery(&tail.Delivery{Time: now, ID: id, Endpoint: endpoint, State: string(deliverylog.Dropped), Type: "message." + typ, From: from.String(), To: to.String(), Reason: reason})
}
