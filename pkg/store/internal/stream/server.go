package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
)

const (
	// startTimeout is how long the server may take to open; a million stored records
	// take about two seconds.
	startTimeout    = 60 * time.Second
	putTimeout      = 10 * time.Second
	keyValueTimeout = 5 * time.Second
	readTimeout     = 10 * time.Second
	overhead        = 64 << 10 // bytes of a record for its subject and headers
)

// Folder is what an embedded server makes in its directory.
const Folder = "jetstream"

// Options configure a server.
type Options struct {
	Dir            string
	MaxBytes       int64 // on disk, for everything
	SyncAlways     bool  // write to the disk before a put is confirmed, not once a second
	MaxRecordBytes int   // of the largest record, besides its subject and headers
	Log            *zap.Logger
}

// Server is a JetStream server: an embedded one on a directory, or an external one.
type Server struct {
	o       Options
	engine  atomic.Pointer[engine]
	repeats loglimit.Limiter

	mu        sync.Mutex
	consumers []*consumer // to be opened again in a new engine
	open      []*Stream   // of an external server

	confirming *confirmer // of an external server
}

// engine is one run of the embedded server. After a write error the streams of
// JetStream stay failed even when there is room again, so the server is then stopped
// and another one started on the same files.
type engine struct {
	s      *Server
	srv    *server.Server // nil: it is external
	nc     *nats.Conn
	js     jetstream.JetStream
	window *window
	broken atomic.Bool // a write failed
	held   atomic.Bool // nothing may be put yet
	remote *remote     // of an external server; nil: it is embedded
}

// Start starts a server on a directory, and recovers what is in it.
func Start(o Options) (*Server, error) {
	s := &Server{o: o}
	e, err := s.start(false)
	if err != nil {
		return nil, err
	}
	s.engine.Store(e)
	return s, nil
}

// Stop closes the files. What is under way gets no answer.
func (s *Server) Stop() {
	e := s.engine.Load()
	if e.remote != nil {
		s.confirming.end(s.o.Log)
	}
	e.stop()
}

// Broken reports whether a write has failed: nothing can be put until Restart and
// Resume.
func (s *Server) Broken() bool {
	e := s.engine.Load()
	return e.broken.Load() || e.held.Load()
}

// Restart opens the files anew after a write has failed, and waits until all that was
// under way is refused. Nothing can be put until Resume, so that what was refused and
// is in the files all the same can be deleted. When Restart or something after it
// fails, it is called again.
//
// Killed at any point: the files are as they were, and are opened by the next process.
func (s *Server) Restart() error {
	old := s.engine.Load()
	old.window.wait() // their senders know before the streams are looked at again
	old.stop()
	e, err := s.start(true)
	if err != nil {
		return err
	}
	s.engine.Store(e)
	return nil
}

// Resume ends what Restart began: consumers go on, and records can be put.
func (s *Server) Resume(ctx context.Context) error {
	e := s.engine.Load()
	s.mu.Lock()
	consumers := s.consumers
	s.mu.Unlock()
	for _, c := range consumers {
		if err := c.open(ctx, e); err != nil {
			return err
		}
	}
	if !e.window.resume() {
		return ErrBroken
	}
	return nil
}

func (s *Server) start(held bool) (*engine, error) {
	e := &engine{s: s}
	e.window = newWindow(e, held)
	e.held.Store(held)
	if err := e.open(&s.o); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *engine) open(o *Options) error {
	srv, err := server.NewServer(&server.Options{
		ServerName:         "stanzahook",
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           o.Dir,
		JetStreamMaxStore:  o.MaxBytes,
		JetStreamMaxMemory: 256 << 20,
		SyncInterval:       time.Second,
		SyncAlways:         o.SyncAlways,
		MaxPayload:         int32(o.MaxRecordBytes + overhead),
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
	e.nc, err = nats.Connect("", nats.InProcessServer(srv), nats.MaxReconnects(-1), nats.Timeout(startTimeout), nats.SyncQueueLen(maxAnswers))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if e.js, err = jetstream.New(e.nc); err == nil {
		err = e.window.open(e.nc)
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return nil
}

// fail notes that a write failed: nothing more can be put into this engine. It does not
// wait, since the server calls it with its own locks held.
func (e *engine) fail() {
	if e.remote != nil {
		return // it fails for all, or for nobody: what is under way is repeated
	}
	if !e.broken.Swap(true) {
		go e.window.fail()
	}
}

func (e *engine) stop() {
	if e.remote != nil {
		e.remote.close()
	}
	if e.nc != nil {
		e.nc.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
}

// Used returns how many bytes the streams take. It does not heed ctx where the server
// hangs.
func (s *Server) Used(ctx context.Context) (int64, error) {
	e := s.engine.Load()
	if e.remote != nil {
		return s.usedOfAll(ctx)
	}
	info, err := e.js.AccountInfo(ctx)
	if err != nil {
		return 0, err
	}
	return int64(info.Store), nil
}

// usedOfAll is Used of an external server, which has streams of others as well.
func (s *Server) usedOfAll(ctx context.Context) (all int64, err error) {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	for _, st := range open {
		state, err := st.State(ctx)
		if err != nil {
			return 0, err
		}
		all += int64(state.Bytes)
	}
	return all, nil
}

// States returns the state of each stream, by name.
func (s *Server) States(ctx context.Context) (map[string]State, error) {
	all := make(map[string]State)
	list := s.engine.Load().js.ListStreams(ctx)
	for info := range list.Info() {
		all[info.Config.Name] = newState(info)
	}
	return all, list.Err()
}

// Names are the names of all streams.
func (s *Server) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		list := s.engine.Load().js.StreamNames(ctx)
		for name := range list.Name() {
			if !yield(name, nil) {
				return
			}
		}
		if err := list.Err(); err != nil {
			yield("", err)
		}
	}
}

// serverLog passes the embedded server's lines to zap, and notices when the server
// cannot write: a put then gets no error, only silence.
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
