package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
)

// Server is the HTTP server. New makes it, Start lets it listen.
type Server struct {
	o       Options
	mounts  []Mount
	handler http.Handler
	http    *http.Server
	served  chan struct{} // closed when the listener's goroutine has ended
	live    *live
	limited atomic.Pointer[connections]

	tokens      atomic.Pointer[[]Token]
	rate        limiter
	repeats     loglimit.Limiter
	certificate *certificate // nil: plain HTTP
}

// New returns a server that does not listen yet. Two routes with the same
// method and path are a mistake in the wiring; the first counts.
func New(o Options, mounts ...Mount) *Server {
	o = o.withDefaults()
	slots := newSlots(o.MaxConcurrent)
	s := &Server{o: o, mounts: mounts, live: &live{
		slots: slots, bodies: bodies{refused: slots.refuse, held: make(map[holder]int64)}, holds: make(map[*hold]struct{}),
	}}
	s.live.current.Store(s)
	s.SetTokens(o.Tokens)
	s.SetRateLimit(o.Rate)
	s.handler = s.identify(s.logAccess(s.recoverPanics(s.boundArrival(s.underBase(s.ownHost(s.routes()))))))
	return s
}

// Handler returns everything the server serves, for a test or another listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Start listens and serves in the background until Stop. It returns the
// address, whose port is the real one where Listen asked for port 0.
func (s *Server) Start() (addr string, err error) {
	if s.o.CertFile != "" {
		s.certificate = &certificate{certFile: s.o.CertFile, keyFile: s.o.KeyFile}
		if err := s.certificate.load(); err != nil {
			return "", err
		}
	}
	l, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return "", fmt.Errorf("http.listen: cannot listen on %q; choose an address of this host and a port nothing else uses: %w", s.o.Listen, err)
	}
	limited := &connections{Listener: l, most: s.o.MaxConnections, log: s.o.Log,
		trusts: func(a netip.Addr) bool { return s.live.current.Load().trusts(a) }}
	s.limited.Store(limited)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.live.current.Load().handler.ServeHTTP(w, r) }),
		ConnState:         limited.state,
		ConnContext:       limited.context,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(failedConnections{s}, "", 0),
	}
	var serve net.Listener = limited
	if s.certificate != nil {
		serve = tls.NewListener(limited, s.certificate.config())
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(serve); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("the HTTP server ended", zap.Error(err))
		}
	}()
	return l.Addr().String(), nil
}

// Replace makes requests that come from now on be served as next serves them,
// which has the same address, and TLS if s has it, and is never started itself.
// Requests in flight end as they began, but those that wait and whose right is
// gone: see [Hold]. They count for the slots of next too. When the certificate of
// next cannot be used, nothing changes.
func (s *Server) Replace(next *Server) error {
	if s.certificate != nil {
		c := &certificate{certFile: next.o.CertFile, keyFile: next.o.KeyFile}
		if err := c.load(); err != nil {
			return err
		}
		s.certificate.current.Store(c.current.Load())
	}
	next.live = s.live
	s.live.current.Store(next)
	s.live.review()
	return nil
}

// Connections returns how many connections are open, and how many may be.
func (s *Server) Connections() (open, most int) {
	l := s.limited.Load()
	if l == nil {
		return 0, s.o.MaxConnections
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.most
}

// Stop takes no more requests and waits for those in flight. When ctx ends
// first, their connections are closed, which cancels their contexts.
func (s *Server) Stop(ctx context.Context) error {
	if s.http == nil {
		return nil // never started
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the error of Shutdown says what is wrong
		err = fmt.Errorf("http server: requests were cut off: %w", err)
	}
	<-s.served
	return err
}
