package component

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/socket"
	"stanzahook/pkg/stanza"
)

// Pace is how long to wait between connection attempts, give or take a quarter.
// The first attempt, and the first one after a connection that had worked, is
// made at once; then the delay doubles from First. A zero field means its
// default.
type Pace struct {
	First    time.Duration // default 200 ms
	Max      time.Duration // default 10 s
	MaxSlow  time.Duration // while the configuration is wrong; default 60 s
	Conflict time.Duration // while another connection has the name; default 10 s
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

// steady is how long a connection must have lasted to count as one that worked.
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
	Handler   Handler       // handles what the server sends; nil: the link answers all
	// Large, which may be nil, gets a groupchat message over Limits, without its body, and
	// reports whether it was waited for. It runs where Handler runs.
	Large func(*Incoming) bool
	// OnUp, which may be nil, runs on a goroutine of its own after each
	// handshake; its context ends with the connection.
	OnUp func(context.Context)
	// Await, which may be nil, waits until a connection may be made, and reports false if done
	// comes before: the name may be another process's meanwhile.
	Await func(done <-chan struct{}) bool
	// May, which may be nil, reports whether stanzas may be written: while it does not they wait, but for errors and answers
	// to IQs, which nobody else gives, and IQs are refused. It must not block, nor call the link.
	May func() bool
	// OnReplaced, which may be nil, is called when the server has ended a connection because
	// another one has the name now. It must not block.
	OnReplaced func()
	// OnState, which may be nil, gets each new state. It must not block.
	OnState func(Status)
	Log     *zap.Logger // nil: none
}

// Link is one component's connection to its server, over all reconnects.
// Its methods may be called from several goroutines.
type Link struct {
	o       Options
	log     *zap.Logger
	tls     atomic.Pointer[tls.Config] // nil: plain TCP
	state   state
	tracker tracker
	out     outgoing
	repeats loglimit.Limiter // of what an outsider can make happen at will
	retry   chan struct{}    // the next attempt is to be made at once
	last    atomic.Bool      // there is to be no other connection
	local   atomic.Pointer[netip.AddrPort]
	conn    atomic.Pointer[socket.Conn] // the connection, or the last one

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
	l := &Link{o: o, log: o.Log.With(zap.String("component", o.Domain.String())), retry: make(chan struct{}, 1)}
	l.tls.Store(o.TLS)
	l.state.init(&l.o, l.log)
	l.tracker.init()
	l.out.init(o.Domain, o.May)
	return l
}

// Domain returns the component's domain.
func (l *Link) Domain() jid.JID { return l.o.Domain }

// Local returns the address of this end of the connection, or of the last one; invalid if there was none.
func (l *Link) Local() netip.AddrPort {
	if a := l.local.Load(); a != nil {
		return *a
	}
	return netip.AddrPort{}
}

// Run keeps the link until ctx is done, and then closes the stream. It returns
// when everything it started has ended.
func (l *Link) Run(ctx context.Context) {
	delay := time.Duration(0)
	for {
		if l.o.Await != nil && !l.o.Await(ctx.Done()) {
			return
		}
		began := time.Now()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			l.lost(trouble{what: "stopped"}, nil)
			return
		}
		l.Counters.Reconnects.Add(1)
		t := explain(err, l.o.Addr, l.o.Domain.String())
		l.lost(t, err)
		if time.Since(began) > steady {
			delay = 0
		}
		wait := jitter(delay)
		if t.replaced && l.o.OnReplaced != nil {
			l.o.OnReplaced()
		}
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
		if l.last.Load() {
			<-ctx.Done()
			return
		}
	}
}

// errOther is why a link does not take the name any more.
var errOther = errors.New("the name is another process's by now")

// Stay lets the link make no other connection when this one ends: the name is another process's by now. Only errors
// and answers to IQs are written any more: what came here goes back to its senders. All else that is not
// written yet is dropped, and nobody is told, as if the process were killed.
func (l *Link) Stay() {
	l.last.Store(true)
	l.out.end()
}

// Unreturned returns how many errors that were sent after Stay the server does not have, also those that there was no
// room for, but for those of IQs: their receivers learn of nothing. It has what its machine has acknowledged, also where the markers that confirm
// it come back over the connection of another process, as with ejabberd.
func (l *Link) Unreturned() int {
	n, written := l.out.unreturned()
	if written > 0 && l.acknowledged() {
		n -= written
	}
	return n
}

// acknowledgeTime is how long a machine may take to acknowledge what was written last, as a marker.
const acknowledgeTime = 500 * time.Millisecond

// acknowledged reports whether the server's machine has all that was written.
func (l *Link) acknowledged() bool {
	conn := l.conn.Load()
	if conn == nil {
		return false
	}
	for deadline := time.Now().Add(acknowledgeTime); ; time.Sleep(time.Millisecond) {
		var n int
		var failed error
		err := conn.Raw().Control(func(fd uintptr) { n, failed = socket.Unacknowledged(fd) })
		switch {
		case err != nil || failed != nil: // closed
			return false
		case n == 0:
			return true
		case time.Now().After(deadline):
			return false
		}
	}
}

// jitter spreads d over 75 % to 125 %.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}

// connect makes one connection and serves it to its end; the error says why it ended.
func (l *Link) connect(ctx context.Context) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if l.last.Load() { // the dial took until after Stay
		return errOther
	}
	local, _ := netip.ParseAddrPort(conn.LocalAddr().String()) // of TCP
	l.local.Store(&local)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, err := l.handshake(conn)
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return c.serve(ctx)
}

// lost notes the end of a connection, or that there is none. What cannot be sent again
// is answered here: pending requests fail, IQs leave the queue, messages and presence
// wait in memory for the next connection, unless SendOnce has sent them.
func (l *Link) lost(t trouble, err error) {
	isNew := l.state.down(t) && err != nil
	l.tracker.failAll(gateway.ErrDown)
	if it := l.out.disconnected(refusal(err)); it != nil {
		l.Counters.Rejected.Add(1)
		l.log.Error("stanza rejected: the XMPP server closes the stream over it", zap.Int("bytes", len(it.xml)), zap.String("stanza", startTag(it.xml)), zap.Error(err),
			zap.String("hint", "if it is too large for the server, set components[].max_stanza_bytes to the server's limit (Prosody: component_stanza_size_limit, ejabberd: max_stanza_size)"))
	}
	if isNew {
		log := l.log.Warn
		if t.config {
			log = l.log.Error
		}
		log("no connection to the XMPP server: "+t.what, zap.Error(rootCause(err)))
	}
}

// rootCause keeps log lines short: the message already says what failed.
func rootCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
