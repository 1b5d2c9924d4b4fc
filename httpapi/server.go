package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"go.uber.org/zap"
)

// Server is the HTTP server. New makes it, Start lets it listen.
type Server struct {
	o       Options
	mounts  []Mount
	slots   chan struct{} // one for each request of a mount in flight
	handler http.Handler
	http    *http.Server
	served  chan struct{} // closed when the listener's goroutine has ended
}

// New returns a server that does not listen yet. Two routes with the same
// method and path are a mistake in the wiring; the first counts.
func New(o Options, mounts ...Mount) *Server {
	o = o.withDefaults()
	s := &Server{o: o, mounts: mounts, slots: make(chan struct{}, o.MaxConcurrent)}
	s.handler = s.identify(s.logAccess(s.recoverPanics(s.boundArrival(s.routes()))))
	return s
}

// Handler returns everything the server serves, for a test or another listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Start listens and serves in the background until Stop. It returns the
// address, whose port is the real one where Listen asked for port 0.
func (s *Server) Start() (addr string, err error) {
	l, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return "", fmt.Errorf("http.listen: cannot listen on %q; choose an address of this host and a port nothing else uses: %w", s.o.Listen, err)
	}
	errorLog, err := zap.NewStdLogAt(s.o.Log, zap.WarnLevel)
	if err != nil {
		_ = l.Close() // nothing was served on it
		return "", fmt.Errorf("http server: %w", err)
	}
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("the HTTP server ended", zap.Error(err))
		}
	}()
	return l.Addr().String(), nil
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
