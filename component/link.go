package component

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Pace is how long to wait between connection attempts, give or take a quarter.
// The first attempt, and the first one after a connection that had worked, is
// made at once; then the delay doubles from First. A zero field means its
// default.
type Pace struct {
	First    time.Duration // default 200 ms
	Max      time.Duration // default 10 s
	MaxSlow  time.Duration // for what only a changed configuration mends; default 60 s
	Conflict time.Duration // while somebody else has the name; default 10 s
}

func (p Pace) withDefaults() Pace {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&p.First, 200 * time.Millisecond}, {&p.Max, 10 * time.Second}, {&p.MaxSlow, time.Minute}, {&p.Conflict, 10 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return p
}

// steady is how long a connection must have lived to count as one that worked.
const steady = 5 * time.Second

// Options configure a [Link].
type Options struct {
	Domain    jid.JID       // the component's domain
	Addr      string        // host:port of the server's component listener
	Secret    secret.String // shared with the server
	TLS       *tls.Config   // nil: plain TCP
	Keepalive time.Duration // a marker this often when idle; default 30 s
	Pace      Pace
	Limits    stanza.Limits // of stanzas in both directions
	Handler   Handler       // takes what the server sends; nil: nobody does
	// OnUp, which may be nil, runs on a goroutine of its own after each
	// handshake; its context ends with the connection.
	OnUp func(context.Context)
	Log  *zap.Logger // nil: none
}

// Link is one component's connection to its server, over all reconnects.
// Its methods may be called from several goroutines.
type Link struct {
	o       Options
	log     *zap.Logger
	tracker tracker
	out     outgoing
	repeats loglimit.Limiter // of what an outsider can make happen at will

	mu     sync.Mutex // of o.TLS, too
	status Status
	told   string        // the trouble that was logged last
	shared bool          // somebody else has connected under our name
	stray  time.Time     // when a marker went to somebody else, or theirs came to us
	inARow int           // markers that came back since then
	silent time.Time     // when a connection was lost that the server may still take for alive; zero: none was
	isUp   chan struct{} // closed while connected
	retry  chan struct{} // the next attempt is to be made at once

	Counters Counters
}

// New returns a link that is not connected; Run connects it.
func New(o Options) *Link {
	if o.Keepalive == 0 {
		o.Keepalive = 30 * time.Second
	}
	o.Pace = o.Pace.withDefaults()
	if o.Handler == nil {
		o.Handler = Chain{}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	l := &Link{o: o, log: o.Log.With(zap.String("component", o.Domain.String()))}
	l.tracker.init()
	l.isUp, l.retry = make(chan struct{}), make(chan struct{}, 1)
	l.out.init(o.Domain)
	l.status = Status{Domain: o.Domain.String(), Addr: o.Addr, State: Connecting, Since: time.Now(), Reason: "not connected yet"}
	return l
}

// Domain returns the component's domain.
func (l *Link) Domain() jid.JID { return l.o.Domain }

// Run keeps the link until ctx is done, and then closes the stream. It returns
// when everything it started has ended.
func (l *Link) Run(ctx context.Context) {
	delay := time.Duration(0)
	for {
		began := time.Now()
		err := l.once(ctx)
		if ctx.Err() != nil {
			l.lost(trouble{what: "stopped"}, nil)
			return
		}
		l.Counters.Reconnects.Add(1)
		t := l.explain(err)
		l.lost(t, err)
		if time.Since(began) > steady {
			delay = 0
		}
		wait := jitter(delay)
		switch {
		case t.conflict:
			wait = jitter(l.o.Pace.Conflict)
		case delay == 0:
			delay = l.o.Pace.First
		case t.config:
			delay = min(2*delay, l.o.Pace.MaxSlow)
		default:
			delay = min(2*delay, l.o.Pace.Max)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-l.retry:
		}
	}
}

// jitter spreads d over 75 % to 125 %.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}

// once is one connection, from dialing to its end; the error says why it ended.
func (l *Link) once(ctx context.Context) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	r, p, err := l.handshake(conn)
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return l.serve(ctx, conn, r, p)
}

// up notes a connection, lost its end or failure. What cannot be sent again is
// answered here: pending requests fail, IQs leave the queue, messages and
// presence wait in memory for the next connection.
func (l *Link) up() {
	l.Counters.Connects.Add(1)
	l.mu.Lock()
	l.status.State, l.status.Since, l.status.Reason = Up, time.Now(), ""
	if l.shared { // until the markers tell otherwise
		l.status.State, l.status.Reason = Shared, l.sharedReason()
	}
	l.told = ""
	close(l.isUp)
	l.mu.Unlock()
	l.log.Info("connected", zap.String("server", l.o.Addr))
}

func (l *Link) lost(t trouble, err error) {
	l.mu.Lock()
	if l.status.State == Up || l.status.State == Shared {
		l.isUp = make(chan struct{})
		if t.silent && l.silent.IsZero() {
			l.silent, l.inARow = time.Now(), 0
		}
	}
	if l.status.State != Down || l.status.Reason != t.what {
		l.status.State, l.status.Since = Down, time.Now()
	}
	l.status.Reason = t.what
	tell := l.told != t.what && err != nil
	l.told = t.what
	l.mu.Unlock()
	l.tracker.failAll(gateway.ErrDown)
	if it := l.out.disconnected(refusal(err)); it != nil {
		l.Counters.Rejected.Add(1)
		l.log.Error("the XMPP server closes the stream over a stanza of ours; it is dropped. If it is too large for the server, set components[].max_stanza_bytes to the server's limit (Prosody: component_stanza_size_limit, ejabberd: max_stanza_size)",
			zap.Int("bytes", len(it.xml)), zap.String("stanza", startTag(it.xml)), zap.Error(err))
	}
	if tell { // once for each reason, not once for each attempt
		log := l.log.Warn
		if t.config {
			log = l.log.Error
		}
		log("no connection to the XMPP server: "+t.what, zap.Error(rootCause(err)))
	}
}

// rootCause keeps log lines short: the words are in the message already.
func rootCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
