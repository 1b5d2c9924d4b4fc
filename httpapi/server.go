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

	"go.uber.org/zap"
)

// Server is a listener with a [Handler], which can be replaced while it serves.
type Server struct {
	live        *live
	o           Options // of the first handler
	connections *connections
	http        *http.Server
	certificate *certificate  // nil: plain HTTP
	served      chan struct{} // closed when http.Serve has returned; nil: not started
}

// NewServer returns a server that does not listen yet.
func NewServer(h *Handler) *Server {
	s := &Server{live: h.live, o: h.o}
	s.connections = &connections{most: h.o.MaxConnections, log: h.o.Log, headerTimeout: headerTimeout, trusts: func(a netip.Addr) bool { return s.Handler().trusts(a) }}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler().ServeHTTP(w, r) }),
		ConnState:         s.connections.state,
		ConnContext:       s.connections.context,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(failedConnections{h}, "", 0),
	}
	return s
}

// Start listens as the options of the handler say, and serves in the background until
// Stop. It returns the address, with the real port if Options.Listen has port 0.
func (s *Server) Start() (addr string, err error) {
	if s.o.CertFile != "" {
		s.certificate = &certificate{}
		if err := s.certificate.load(s.o.CertFile, s.o.KeyFile); err != nil {
			return "", err
		}
	}
	listen := listening()
	l, err := listen.Listen(context.Background(), "tcp", s.o.Listen)
	if err != nil {
		return "", fmt.Errorf("http.listen: cannot listen on %q; choose an address of this host and a port nothing else uses: %w", s.o.Listen, err)
	}
	s.connections.Listener = l
	var serve net.Listener = s.connections
	if s.certificate != nil {
		serve = tls.NewListener(serve, s.certificate.config())
	} else {
		s.connections.crowd = newCrowd(s.connections, s.Handler)
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(serve); !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("HTTP server failed", zap.Error(err))
		}
	}()
	return l.Addr().String(), nil
}

// Handler returns the handler of new requests.
func (s *Server) Handler() *Handler { return s.live.current.Load() }

// Replace makes next the handler of new requests, which has the same address, and TLS if
// s has it. Requests in progress end as they began, except those that wait and lose
// their right: see [Hold]. If the certificate of next is invalid, nothing changes.
func (s *Server) Replace(next *Handler) error {
	if s.certificate != nil {
		if err := s.certificate.load(next.o.CertFile, next.o.KeyFile); err != nil {
			return err
		}
	}
	s.Handler().Replace(next)
	return nil
}

// Connections returns how many connections are open, and how many may be.
func (s *Server) Connections() (open, most int) {
	s.connections.mu.Lock()
	defer s.connections.mu.Unlock()
	return s.connections.open, s.connections.most
}

// Stop accepts no more requests and waits for those in progress. If ctx ends first, it
// closes their connections, which cancels their contexts.
func (s *Server) Stop(ctx context.Context) error {
	if s.served == nil {
		return nil
	}
	s.live.tarpit.close()
	s.live.strangers.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the error of Shutdown says what is wrong
		err = fmt.Errorf("http server: requests were cut off: %w", err)
	}
	<-s.served
	return err
}
