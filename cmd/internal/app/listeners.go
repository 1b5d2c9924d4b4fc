package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// maxListeners bounds the listeners: each has a queue.
const maxListeners = 16

// listeners are the temporary endpoints of those who listen. A change of the configuration
// guards them, as it does the other endpoints; mu is for those who only look.
type listeners struct {
	mu  sync.Mutex
	all []*listener
}

func (ls *listeners) get() []*listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Clone(ls.all)
}

// hangup ends all of them: their requests would hold up the end of the process.
func (ls *listeners) hangup() {
	for _, l := range ls.get() {
		l.tunnel.close()
	}
}

// listener is a temporary endpoint in front of all others.
type listener struct {
	app    *App
	name   string
	tunnel *tunnel
	worker *delivery.Worker
}

// Listen implements v1.Listeners.
//
// Killed at any point: the endpoint is gone, and the next process gives what waits for it
// to the endpoints that would have got it.
func (a *App) Listen(ctx context.Context, ask v1.Listen) (v1.Listener, error) {
	domain := ask.To.Domain()
	if !slices.ContainsFunc(a.current.Load().cfg.Components, func(c config.Component) bool { return c.Domain == domain }) {
		return nil, &httpapi.Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf("to: %s is not at the domain of a component; write an address that users write to, for example echo@%s", ask.To, a.current.Load().cfg.Components[0].Domain)}
	}
	glob, err := jid.ParseGlob(ask.To.String())
	if err != nil {
		return nil, &httpapi.Fault{Status: http.StatusBadRequest, Text: "to: " + err.Error()}
	}
	t, err := openTunnel()
	if err != nil {
		return nil, err
	}
	name := delivery.TemporaryName
	if ask.Copy {
		name = delivery.TemporaryCopy
	}
	l := &listener{app: a, name: name + strings.ToLower(rand.Text()), tunnel: t}
	if err := l.begin(ctx, ask, glob); err != nil {
		t.close()
		t.shut()
		return nil, err
	}
	a.log.Info("listener began", zap.String("endpoint", l.name), zap.String("to", ask.To.String()), zap.Bool("copy", ask.Copy))
	return l, nil
}

// begin makes the endpoint, and puts it in front of the others.
func (l *listener) begin(ctx context.Context, ask v1.Listen, to jid.Glob) error {
	a := l.app
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if len(a.listeners.get()) >= maxListeners {
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%d listen already, as many as may; end one of them", maxListeners)}
	}
	e := &webhook.Endpoint{
		Name: l.name, URL: l.tunnel.url, Kinds: a.kindsAt(ask.To), Match: webhook.Match{To: []jid.Glob{to}}, Copy: ask.Copy, Queued: true, Concurrency: 8,
		Hosts: a.cfg.OwnHosts(), UserAgent: build.UserAgent(), Secrets: []signature.Secret{ask.Secret}, DropOld: ask.Copy,
		Guard: outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), // the tunnel, whatever the configuration allows
	}
	for _, c := range a.cfg.Components {
		e.Components = append(e.Components, c.Domain)
		if c.Domain == ask.To.Domain() {
			e.Component, e.Limits = c.Domain, stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
		}
	}
	w, err := delivery.NewWorker(e, a.echoes.Over(a.links), a.log)
	if err != nil {
		return err
	}
	l.worker = w
	w.Watch(a.happenings.watch())
	if err := w.Open(ctx, a.store); err != nil {
		w.Stop(ctx)
		return err
	}
	a.listeners.mu.Lock()
	a.listeners.all = append(a.listeners.all, l)
	a.listeners.mu.Unlock()
	a.route()
	return nil
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
	for _, l := range a.listeners.get() {
		all = append(all, l.worker)
	}
	a.forward.Set(append(all, a.workers...))
}

// Name implements v1.Listener.
func (l *listener) Name() string { return l.name }

// Next implements v1.Listener.
func (l *listener) Next(ctx context.Context, wait time.Duration) (*v1.ListenRequest, error) {
	return l.tunnel.next(ctx, wait)
}

// Close implements v1.Listener: what waits goes to the endpoints that would have got it.
// Most of it goes before the next stanzas do, so that conversations keep their order.
//
// Killed at any point: see Listen. An event may be in two queues then, and is delivered
// twice under one id.
func (l *listener) Close() {
	a := l.app
	l.tunnel.close()
	defer l.tunnel.shut()
	ctx, cancel := context.WithTimeout(context.Background(), a.DrainTime())
	defer cancel()
	l.worker.Stop(ctx)
	// What was answered goes with the server's confirmation, and is not to go to another bot.
	flush, done := context.WithTimeout(ctx, flushTime)
	defer done()
	if err := a.links[l.worker.Endpoint().Component].Flush(flush); err != nil {
		a.log.Warn("stanzas unconfirmed at the end of a listener", zap.String("endpoint", l.name), zap.String("hint", "their events are delivered again"))
	}
	if err := a.removed.Move(ctx, l.worker); err != nil {
		a.log.Warn("events of a listener not moved; retrying", zap.String("endpoint", l.name), zap.Error(err))
	}
	if err := a.beginChange(ctx); err != nil { // stanzahook stops: the next process does it
		return
	}
	a.listeners.mu.Lock()
	a.listeners.all = slices.DeleteFunc(a.listeners.all, func(other *listener) bool { return other == l })
	a.listeners.mu.Unlock()
	a.route()
	a.endChange()
	a.remove(ctx, l.worker)
	a.removed.Sweep(ctx)
	a.log.Info("listener ended", zap.String("endpoint", l.name))
}

// AnswerListen implements v1.Listeners.
func (a *App) AnswerListen(name, id string, answer v1.ListenAnswer) error {
	for _, l := range a.listeners.get() {
		if l.name == name {
			return l.tunnel.answer(id, answer)
		}
	}
	return &httpapi.Fault{Status: http.StatusNotFound, Text: fmt.Sprintf("nobody listens as %q", name)}
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
