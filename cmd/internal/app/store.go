package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/component/presence"
	"stanzahook/pkg/store"
)

func (a *App) openStore(ctx context.Context) error {
	o := livecheck.StoreOptions(a.cfg)
	o.Log, o.OnHung = a.log, a.onStoreHung
	if o.NATS != nil {
		w := &waitingRoom{cfg: &a.cfg.HTTP, log: a.log}
		defer w.close()
		o.NATS.OnWaiting = w.wait
	}
	s, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	a.store, a.features = s, livecheck.NewHostFeatures(s.Features())
	a.onStop("store", func(context.Context) { s.Close() })
	a.subscribers, err = presence.LoadSubscribers(ctx, s.Subscribers(), a.log)
	return err
}

// storePatience is how long a status waits for NATS. The state of everything is wanted most
// while NATS does not answer: what only it knows is left out then.
const storePatience = 2 * time.Second

// statusTime bounds how long a status waits for a store on NATS.
func (a *App) statusTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.store.Remote() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storePatience)
}

// waitingRoom answers HTTP while the store cannot be opened: the process is healthy, not
// ready, and says why. It holds no stanza: no link is connected yet.
type waitingRoom struct {
	cfg *config.HTTP
	log *zap.Logger

	mu     sync.Mutex
	reason error
	srv    *http.Server
}

// wait sets why the store cannot be opened, and opens the room with the first reason.
func (w *waitingRoom) wait(reason error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reason = reason
	if reason == nil || w.srv != nil {
		return
	}
	l, err := net.Listen("tcp", w.cfg.Listen)
	if err != nil {
		w.log.Warn("HTTP does not answer while the store is not open", zap.Error(err))
		return
	}
	if w.cfg.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(w.cfg.TLS.CertFile, w.cfg.TLS.KeyFile)
		if err != nil {
			w.log.Warn("HTTP does not answer while the store is not open", zap.Error(err))
			_ = l.Close() // nobody has connected
			return
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}})
	}
	w.srv = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = w.srv.Serve(l) }() // until close
}

// ServeHTTP answers /healthz and /readyz; everything else may be tried again.
func (w *waitingRoom) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == w.cfg.BasePath+"/healthz" {
		_, _ = io.WriteString(rw, "ok\n") // fails when the caller has gone
		return
	}
	w.mu.Lock()
	reason := w.reason
	w.mu.Unlock()
	rw.Header().Set("Retry-After", "1")
	rw.WriteHeader(http.StatusServiceUnavailable)
	if r.URL.Path == w.cfg.BasePath+"/readyz" {
		_, _ = fmt.Fprintf(rw, "%v\n", reason) // as above
		return
	}
	_, _ = io.WriteString(rw, "stanzahook is starting; see /readyz\n") // as above
}

// close makes the address free.
func (w *waitingRoom) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.srv != nil {
		_ = w.srv.Close() // a client whose request ends here repeats it
	}
}
