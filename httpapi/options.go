package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// Options configure a [Handler], and the [Server] that listens for it. A zero number or duration means its default.
type Options struct {
	Listen         string         // host:port; port 0 takes a free one
	BasePath       string         // of every route, such as "/xmpp", without a final slash; empty: none
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	Hosts          []string       // further names of this server; for NoAuth, see ownHost
	CertFile       string         // PEM; with KeyFile: TLS
	KeyFile        string
	Tokens         []Token
	NoAuth         bool // every caller may do everything; for a loopback listener
	Rate           RateLimit
	MaxBodyBytes   int64         // default 196608
	MaxConcurrent  int           // requests of mounts at the same time; default 1000
	MaxConnections int           // default: half of the files the process may open, 20,000 at most
	BodyTimeout    time.Duration // for the whole body to arrive; default 30 s
	Version        string        // for the header Server; empty: no such header
	Log            *zap.Logger

	// Failures limits the guessing of passwords; nil: its own.
	Failures *Failures

	// Observer observes every request; it may be nil.
	Observer Observer

	// OnRequest gets each answered request but health checks and scrapes that succeed. It
	// must not block; it may be nil.
	OnRequest func(Request)

	// Open are routes without authentication.
	Open []Route

	// Ready returns why the process cannot do its work now; no reasons: it is ready. Nil
	// means always ready.
	Ready func(ctx context.Context) []string

	// State returns what /readyz says of a process that is ready; nil: "ready".
	State func() string

	// Elsewhere, which may be nil, handles all requests that have no route here: for a process
	// whose work another one does now. See [Whole].
	Elsewhere http.Handler

	// Forwarded returns the address of the caller of a request that another process has passed
	// on; invalid: none has. Nil: none does.
	Forwarded func(*http.Request) netip.Addr

	// Replica is the name of this process among several, for the header Stanzahook-Replica;
	// empty: no such header.
	Replica string
}

// Request is a request that was answered.
type Request struct {
	Caller        string // the name of the token; empty without a known one
	Method, Route string // Route is as in Observer
	Status        int
	Took          time.Duration
}

// Observer observes requests. Its methods must not block.
type Observer interface {
	Began()
	// Ended gets the template of the path, so that there are few values; "none" if no
	// route matched.
	Ended(route string, status int, took time.Duration)
}

// unobserved is the Observer if there is none.
type unobserved struct{}

func (unobserved) Began()                           {}
func (unobserved) Ended(string, int, time.Duration) {}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 120 * time.Second
	writeTimeout  = 30 * time.Second // once an answer has begun
	readyTimeout  = 5 * time.Second
	// maxHeaderBytes is less than the 4 KiB that net/http adds to it.
	maxHeaderBytes = 12 << 10
)

func (o Options) withDefaults() Options {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = 196608
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 1000
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultConnections()
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Failures == nil {
		o.Failures = new(Failures)
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.State == nil {
		o.State = func() string { return "ready" }
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) []string { return nil }
	}
	return o
}
