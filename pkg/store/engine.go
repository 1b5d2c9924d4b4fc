package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
)

// engine is one run of the embedded server. After a write error the streams
// of JetStream stay failed even when there is room again, so the store then
// replaces the engine by a new one on the same files.
type engine struct {
	srv    *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	outbox jetstream.Stream
	people jetstream.KeyValue
	archive
	log     *zap.Logger
	repeats loglimit.Limiter
	window  *window
	broken  atomic.Bool // a write failed
	refused bool        // a publish was, because of the failure; belongs to who hands out results
}

func startEngine(ctx context.Context, o *Options) (*engine, error) {
	e := &engine{log: o.Log}
	if err := e.open(ctx, o); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *engine) open(ctx context.Context, o *Options) error {
	srv, err := server.NewServer(&server.Options{
		ServerName:         "stanzahook",
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           o.Dir,
		JetStreamMaxStore:  o.MaxBytes,
		JetStreamMaxMemory: 256 << 20,
		SyncInterval:       time.Second,
		SyncAlways:         o.Sync == SyncAlways,
		MaxPayload:         int32(max(2<<20, o.MaxStanzaBytes+recordOverhead)), // the record of a roster, or an event
		MaxPending:         64 << 20,
	})
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	e.srv = srv
	srv.SetLoggerV2(&serverLog{o.Log.Named("store").Sugar(), e}, false, false, false)
	go srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		return errors.New("it did not open within a minute; see the log lines of \"store\"")
	}
	e.nc, err = nats.Connect("", nats.InProcessServer(srv), nats.MaxReconnects(-1), nats.Timeout(startTimeout))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if e.js, err = jetstream.New(e.nc); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := e.openWindow(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := e.openOutbox(ctx, o); err != nil {
		return err
	}
	if err := e.openSubscribers(ctx); err != nil {
		return err
	}
	return e.openArchive(ctx, o)
}

// fail notes that a write failed: nothing more can be stored by this engine. It
// does not wait: the server calls it too, with who knows what locked.
func (e *engine) fail() {
	if !e.broken.Swap(true) && e.window != nil {
		go e.window.fail()
	}
}

func (e *engine) close() {
	if e.nc != nil {
		e.nc.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
}

// serverLog hands the embedded server's lines to zap, and notices when it
// cannot write: a publish then gets no error, only silence.
type serverLog struct {
	*zap.SugaredLogger
	e *engine
}

func (l *serverLog) Errorf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	if strings.Contains(text, "write error") || strings.Contains(text, "no space left") || strings.Contains(text, "quota exceeded") {
		l.e.fail()
	}
	l.SugaredLogger.Error(text)
}
func (l *serverLog) Warnf(f string, v ...any) {
	if text := fmt.Sprintf(f, v...); strings.Contains(text, "no space left") {
		l.e.fail()
	}
	l.SugaredLogger.Warnf(f, v...)
}
func (l *serverLog) Noticef(f string, v ...any) { l.Debugf(f, v...) }
func (l *serverLog) Tracef(f string, v ...any)  { l.Debugf(f, v...) }
func (l *serverLog) Fatalf(f string, v ...any)  { l.Errorf(f, v...) }
