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
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	// maxListeners bounds the listeners: each has a queue. One token has half of them at
	// most, so that it keeps nobody else out.
	maxListeners = 16
	maxOfToken   = maxListeners / 2
	// listenerSilence is how long a listener may be silent. It is asked three times before.
	listenerSilence = 15 * time.Second
	// handOverTime bounds how long the end of a listener holds up other changes, if the
	// store is slow.
	handOverTime = 2 * time.Second
	// listenTimeout is how long an answer may take. The listener gives its bot the usual time,
	// and then says that there was no answer; that is on the way when the time is over.
	listenTimeout = webhook.DefaultTimeout + 2*time.Second
)

// listeners are the temporary endpoints of those who listen. A change of the configuration
// guards them, as it does the other endpoints; mu is for those who only look.
type listeners struct {
	silence time.Duration // listenerSilence

	mu  sync.Mutex
	all []*listener
}

func (ls *listeners) get() []*listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Clone(ls.all)
}

// put adds a listener behind the others.
func (ls *listeners) put(l *listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = append(ls.all, l)
}

func (ls *listeners) remove(l *listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = slices.DeleteFunc(ls.all, func(other *listener) bool { return other == l })
}

// hear notes a sign of life of the listener with a name, and returns it.
func (ls *listeners) hear(name string) (*listener, error) {
	for _, l := range ls.get() {
		if l.name == name {
			l.silence.Reset(ls.silence)
			return l, nil
		}
	}
	return nil, &httpapi.Fault{Status: http.StatusNotFound, Text: fmt.Sprintf("nobody listens as %q", name)}
}

// hangup ends all of them: their requests would hold up the end of the process.
func (ls *listeners) hangup() {
	for _, l := range ls.get() {
		l.tunnel.close(gateway.ErrStopping)
	}
}

// listener is a temporary endpoint in front of all others.
type listener struct {
	app     *App
	name    string
	ask     v1.Listen
	tunnel  *tunnel
	worker  *delivery.Worker
	silence *time.Timer // ends it
	ending  atomic.Bool // it gets no events of other listeners any more
	closing sync.Once
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
	l := &listener{app: a, name: name + strings.ToLower(rand.Text()), ask: ask, tunnel: t}
	before, err := l.begin(ctx, glob)
	if err != nil {
		t.shut()
		return nil, err
	}
	for _, other := range before { // it stands behind them until they have ended
		other.end(v1.ErrTakenOver)
	}
	a.log.Info("listener began", zap.String("endpoint", l.name), zap.String("to", ask.To.String()), zap.Bool("copy", ask.Copy))
	return l, nil
}

// begin makes the endpoint, and puts it in front of the others. It returns the listeners
// whose address it takes over.
func (l *listener) begin(ctx context.Context, to jid.Glob) (before []*listener, err error) {
	a, ask := l.app, l.ask
	if err := a.beginChange(ctx); err != nil {
		return nil, err
	}
	defer a.endChange()
	if before, err = a.listeners.admit(ask); err != nil {
		return nil, err
	}
	e := &webhook.Endpoint{
		Name: l.name, URL: l.tunnel.url, Kinds: a.kindsAt(ask.To), Match: webhook.Match{To: []jid.Glob{to}}, Copy: ask.Copy, Queued: true, Concurrency: 8, Timeout: listenTimeout,
		Hosts: a.cfg.OwnHosts(), UserAgent: build.UserAgent(), Secrets: []signature.Secret{ask.Secret}, DropOld: ask.Copy,
		Guard: outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), // the tunnel, whatever the configuration allows
	}
	for _, c := range a.cfg.Components {
		e.Components = append(e.Components, c.Domain)
		if c.Domain == ask.To.Domain() {
			e.Component, e.Limits = c.Domain, stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
		}
	}
	w, err := delivery.NewWorker(e, a.answers(), a.log)
	if err != nil {
		return nil, err
	}
	l.worker = w
	w.Watch(a.happenings.watch())
	w.Gate(a.role.Gate())
	if err := w.Open(ctx, a.store); err != nil {
		w.Stop(ctx)
		return nil, err
	}
	armed := make(chan struct{}) // the end stops the timer
	l.silence = time.AfterFunc(a.listeners.silence, func() { <-armed; l.end(v1.ErrSilent) })
	close(armed)
	a.listeners.put(l)
	a.route()
	return before, nil
}

// admit returns the listeners that another one takes over: those of the same token and
// address. It fails if there is no place.
func (ls *listeners) admit(ask v1.Listen) (before []*listener, err error) {
	all, own := 0, 0
	for _, l := range ls.get() {
		switch {
		case l.ask.To == ask.To && l.ask.Copy == ask.Copy && l.ask.Caller == ask.Caller:
			before = append(before, l)
			continue
		case l.ask.To == ask.To && !l.ask.Copy && !ask.Copy:
			return nil, fmt.Errorf("%w: the token %q listens to %s; end that, or listen to copies (copy)", gateway.ErrConflict, l.ask.Caller, ask.To)
		case l.ask.Caller == ask.Caller:
			own++
		}
		all++
	}
	switch {
	case all >= maxListeners:
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%d listen already, as many as may; end one of them", all)}
	case ask.Caller != "" && own >= maxOfToken:
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("this token listens %d times already, as often as one may; end one of them", own)}
	}
	return before, nil
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

// describe describes the endpoint for a list, and who listens: an operator looks for the
// messages that the usual endpoint does not get.
func (l *listener) describe() v1.Endpoint {
	st, from, to := l.worker.Status(), "listen", l.ask.To.String()
	why := "somebody listens to " + to
	if l.ask.Caller != "" {
		why = fmt.Sprintf("the token %s listens to %s", l.ask.Caller, to)
	}
	if l.ask.Copy {
		why += " (copies)"
	}
	return v1.Endpoint{
		EndpointStatus: v1.EndpointStatus{Name: l.name, State: st.State(), Reason: &why, Queued: st.Queued, InFlight: st.InFlight, LastSuccess: timeOrNil(st.LastSuccess)},
		Source:         &from, Format: string(webhook.FormatEvent), Delivery: config.DeliveryQueued, Copy: l.ask.Copy,
	}
}

// Next implements v1.Listener.
func (l *listener) Next(ctx context.Context) (*v1.ListenRequest, error) {
	return l.tunnel.next(ctx, l.app.listeners.silence/3)
}

// Close implements v1.Listener.
func (l *listener) Close() { l.end(gateway.ErrStopping) }

// end ends the endpoint: what waits goes to the endpoints that would have got it, in the
// order of each conversation. It returns when the endpoint has ended.
//
// Killed at any point: see Listen. An event may be in two queues then, and is delivered
// twice under one id.
func (l *listener) end(why error) {
	l.tunnel.close(why)
	l.closing.Do(l.hand)
}

// hand gives what waits to others.
func (l *listener) hand() {
	a := l.app
	defer l.tunnel.shut()
	l.silence.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), a.DrainTime())
	defer cancel()
	l.worker.Stop(ctx)
	// What was answered goes with the server's confirmation, and is not to go to another bot.
	flush, done := context.WithTimeout(ctx, flushTime)
	defer done()
	if err := a.links[l.worker.Endpoint().Component].Flush(flush); err != nil {
		a.log.Warn("stanzas unconfirmed at the end of a listener", zap.String("endpoint", l.name), zap.String("hint", "their events are delivered again"))
	}
	if err := a.beginChange(context.Background()); err != nil { // stanzahook stops: the next process does it
		return
	}
	l.ending.Store(true)
	if !l.ask.Copy {
		hand, done := context.WithTimeout(ctx, handOverTime)
		defer done()
		if err := l.worker.HandOver(hand, a.heir); err != nil {
			a.log.Warn("events of a listener not moved; retrying", zap.String("endpoint", l.name), zap.Error(err), zap.String("hint", "they come behind newer ones"))
		}
	}
	a.listeners.remove(l)
	a.route()
	a.endChange()
	a.remove(ctx, l.worker)
	a.removed.Sweep(ctx)
	a.log.Info("listener ended", zap.String("endpoint", l.name))
}

// heir returns the worker that gets a stanza when a listener has ended: that of another
// listener, or of the configuration; nil if there is none.
func (a *App) heir(component string, s *stanza.Stanza) *delivery.Worker {
	for _, l := range a.listeners.get() {
		if e := l.worker.Endpoint(); !l.ending.Load() && !e.Copy && e.Matches(component, s) {
			return l.worker
		}
	}
	return a.workerFor(component, s)
}

// AnswerListen implements v1.Listeners.
func (a *App) AnswerListen(name, id string, answer v1.ListenAnswer) error {
	l, err := a.listeners.hear(name)
	if err != nil {
		return err
	}
	return l.tunnel.answer(id, answer)
}

// HearListen implements v1.Listeners.
func (a *App) HearListen(name string) error {
	_, err := a.listeners.hear(name)
	return err
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
