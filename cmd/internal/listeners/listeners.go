package listeners

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
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

const (
	// Max bounds the listeners: each has a queue. One token has half of them at
	// most, so that it keeps nobody else out.
	Max        = 16
	MaxOfToken = Max / 2
	// Silence is how long a listener may be silent. It is asked three times before.
	Silence = 15 * time.Second
	// handOverTime bounds how long the end of a listener holds up other changes, if the
	// store is slow.
	handOverTime = 2 * time.Second
	// flushTime is for the answers that were sent last.
	flushTime = 2 * time.Second
	// listenTimeout is how long an answer may take. The listener gives its bot the usual time,
	// and then says that there was no answer; that is on the way when the time is over.
	listenTimeout = webhook.DefaultTimeout + 2*time.Second
)

// Options configure [Listeners].
type Options struct {
	Store *store.Store
	Log   *zap.Logger

	// Begin waits until no other change of the configuration is in progress. It returns the
	// current one, and what ends the change; Config returns the current one without.
	Begin  func(context.Context) (cfg *config.Config, end func(), err error)
	Config func() *config.Config
	// Worker makes the worker of an endpoint, and Kinds are what an address gets usually.
	Worker func(*webhook.Endpoint) (*delivery.Worker, error)
	Kinds  func(to jid.JID) []stanza.Kind
	// Route is called during a change, when others listen than before.
	Route func()
	// Flush waits until the server has what was sent over a component.
	Flush func(ctx context.Context, component string) error
	// Heir returns the worker of the configuration that gets a stanza when nobody listens; nil:
	// there is none.
	Heir func(component string, s *stanza.Stanza) *delivery.Worker
	// Retire ends a worker whose endpoint is gone. What its queue still has waits.
	Retire func(context.Context, *delivery.Worker)
}

// Listeners are the temporary endpoints of those who listen. It implements [v1.Listeners]. A
// change of the configuration guards them, as it does the other endpoints; mu is for those who
// only look.
type Listeners struct {
	// Silence is how long one may be silent.
	Silence time.Duration

	o   Options
	mu  sync.Mutex
	all []*Listener
}

// New returns Listeners; nobody listens.
func New(o Options) *Listeners { return &Listeners{Silence: Silence, o: o} }

// All returns those who listen, in their order.
func (ls *Listeners) All() []*Listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Clone(ls.all)
}

// Describe describes their endpoints for a list.
func (ls *Listeners) Describe() []v1.Endpoint {
	var all []v1.Endpoint
	for _, l := range ls.All() {
		all = append(all, l.Describe())
	}
	return all
}

// put adds a listener behind the others.
func (ls *Listeners) put(l *Listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = append(ls.all, l)
}

func (ls *Listeners) remove(l *Listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = slices.DeleteFunc(ls.all, func(other *Listener) bool { return other == l })
}

// hear notes a sign of life of the listener with a name, and returns it.
func (ls *Listeners) hear(name string) (*Listener, error) {
	for _, l := range ls.All() {
		if l.name == name {
			l.silence.Reset(ls.Silence)
			return l, nil
		}
	}
	return nil, &httpapi.Fault{Status: http.StatusNotFound, Text: fmt.Sprintf("nobody listens as %q", name)}
}

// Hangup ends all of them: their requests would hold up the end of the process.
func (ls *Listeners) Hangup() {
	for _, l := range ls.All() {
		l.tunnel.close(gateway.ErrStopping)
	}
}

// Listener is a temporary endpoint in front of all others.
type Listener struct {
	of      *Listeners
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
func (ls *Listeners) Listen(ctx context.Context, ask v1.Listen) (v1.Listener, error) {
	domain := ask.To.Domain()
	cfg := ls.o.Config()
	if !slices.ContainsFunc(cfg.Components, func(c config.Component) bool { return c.Domain == domain }) {
		return nil, &httpapi.Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf("to: %s is not at the domain of a component; write an address that users write to, for example echo@%s", ask.To, cfg.Components[0].Domain)}
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
	l := &Listener{of: ls, name: name + strings.ToLower(rand.Text()), ask: ask, tunnel: t}
	before, err := l.begin(ctx, glob)
	if err != nil {
		t.shut()
		return nil, err
	}
	for _, other := range before { // it stands behind them until they have ended
		other.end(v1.ErrTakenOver)
	}
	ls.o.Log.Info("listener began", zap.String("endpoint", l.name), zap.String("to", ask.To.String()), zap.Bool("copy", ask.Copy))
	return l, nil
}

// begin makes the endpoint, and puts it in front of the others. It returns the listeners
// whose address it takes over.
func (l *Listener) begin(ctx context.Context, to jid.Glob) (before []*Listener, err error) {
	ls, ask := l.of, l.ask
	cfg, end, err := ls.o.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if before, err = ls.admit(ask); err != nil {
		return nil, err
	}
	e := &webhook.Endpoint{
		Name: l.name, URL: l.tunnel.url, Kinds: ls.o.Kinds(ask.To), Match: webhook.Match{To: []jid.Glob{to}}, Copy: ask.Copy, Queued: true, Concurrency: 8, Timeout: listenTimeout,
		Hosts: cfg.OwnHosts(), UserAgent: build.UserAgent(), Secrets: []signature.Secret{ask.Secret}, DropOld: ask.Copy,
		Guard: outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), // the tunnel, whatever the configuration allows
	}
	for _, c := range cfg.Components {
		e.Components = append(e.Components, c.Domain)
		if c.Domain == ask.To.Domain() {
			e.Component, e.Limits = c.Domain, stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
		}
	}
	w, err := ls.o.Worker(e)
	if err != nil {
		return nil, err
	}
	l.worker = w
	if err := w.Open(ctx, ls.o.Store); err != nil {
		w.Stop(ctx)
		return nil, err
	}
	armed := make(chan struct{}) // the end stops the timer
	l.silence = time.AfterFunc(ls.Silence, func() { <-armed; l.end(v1.ErrListenerSilent) })
	close(armed)
	ls.put(l)
	ls.o.Route()
	return before, nil
}

// admit returns the listeners that another one takes over: those of the same token and
// address. It fails if there is no place.
func (ls *Listeners) admit(ask v1.Listen) (before []*Listener, err error) {
	all, own := 0, 0
	for _, l := range ls.All() {
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
	case all >= Max:
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%d listen already, as many as may; end one of them", all)}
	case ask.Caller != "" && own >= MaxOfToken:
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("this token listens %d times already, as often as one may; end one of them", own)}
	}
	return before, nil
}

// Worker delivers what the listener gets.
func (l *Listener) Worker() *delivery.Worker { return l.worker }

// Name implements v1.Listener.
func (l *Listener) Name() string { return l.name }

// Describe describes the endpoint for a list, and who listens: an operator looks for the
// messages that the usual endpoint does not get.
func (l *Listener) Describe() v1.Endpoint {
	st, from, to := l.worker.Status(), "listen", l.ask.To.String()
	var last *time.Time
	if t := st.LastSuccess.UTC(); !st.LastSuccess.IsZero() {
		last = &t
	}
	why := "somebody listens to " + to
	if l.ask.Caller != "" {
		why = fmt.Sprintf("the token %s listens to %s", l.ask.Caller, to)
	}
	if l.ask.Copy {
		why += " (copies)"
	}
	return v1.Endpoint{
		EndpointStatus: v1.EndpointStatus{Name: l.name, State: st.State(), Reason: &why, Queued: st.Queued, InFlight: st.InFlight, LastSuccess: last},
		Source:         &from, Format: string(webhook.FormatEvent), Delivery: config.DeliveryQueued, Copy: l.ask.Copy,
	}
}

// Next implements v1.Listener.
func (l *Listener) Next(ctx context.Context) (*v1.ListenRequest, error) {
	return l.tunnel.next(ctx, l.of.Silence/3)
}

// Close implements v1.Listener.
func (l *Listener) Close() { l.end(gateway.ErrStopping) }

// end ends the endpoint: what waits goes to the endpoints that would have got it, in the
// order of each conversation. It returns when the endpoint has ended.
//
// Killed at any point: see Listen. An event may be in two queues then, and is delivered
// twice under one id.
func (l *Listener) end(why error) {
	l.tunnel.close(why)
	l.closing.Do(l.hand)
}

// hand gives what waits to others.
func (l *Listener) hand() {
	o := &l.of.o
	defer l.tunnel.shut()
	l.silence.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), o.Config().Drain)
	defer cancel()
	l.worker.Stop(ctx)
	// What was answered goes with the server's confirmation, and is not to go to another bot.
	flush, done := context.WithTimeout(ctx, flushTime)
	defer done()
	if err := o.Flush(flush, l.worker.Endpoint().Component); err != nil {
		o.Log.Warn("stanzas unconfirmed at the end of a listener", zap.String("endpoint", l.name), zap.String("hint", "their events are delivered again"))
	}
	_, end, err := o.Begin(context.Background())
	if err != nil { // stanzahook stops: the next process does it
		return
	}
	l.ending.Store(true)
	if !l.ask.Copy {
		hand, done := context.WithTimeout(ctx, handOverTime)
		defer done()
		if err := l.worker.HandOver(hand, l.of.heir); err != nil {
			o.Log.Warn("events of a listener not moved; retrying", zap.String("endpoint", l.name), zap.Error(err), zap.String("hint", "they come behind newer ones"))
		}
	}
	l.of.remove(l)
	o.Route()
	end()
	o.Retire(ctx, l.worker)
	o.Log.Info("listener ended", zap.String("endpoint", l.name))
}

// heir returns the worker that gets a stanza when a listener has ended: that of another
// listener, or of the configuration; nil if there is none.
func (ls *Listeners) heir(component string, s *stanza.Stanza) *delivery.Worker {
	for _, l := range ls.All() {
		if e := l.worker.Endpoint(); !l.ending.Load() && !e.Copy && e.Matches(component, s) {
			return l.worker
		}
	}
	return ls.o.Heir(component, s)
}

// AnswerListen implements v1.Listeners.
func (ls *Listeners) AnswerListen(name, id string, answer v1.ListenAnswer) error {
	l, err := ls.hear(name)
	if err != nil {
		return err
	}
	return l.tunnel.answer(id, answer)
}

// HearListen implements v1.Listeners.
func (ls *Listeners) HearListen(name string) error {
	_, err := ls.hear(name)
	return err
}
