package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Sync says when what was written is forced to the disk.
type Sync string

// The ways to sync.
const (
	SyncInterval Sync = "interval" // once a second
	SyncAlways   Sync = "always"   // before a publish is confirmed
)

const (
	maxStanza      = 32 << 20
	recordOverhead = 64 << 10 // subject and headers of a record
)

// startTimeout is how long the store may take to open; a million stored events
// take about two seconds.
const startTimeout = 60 * time.Second

// Options configure a store.
type Options struct {
	Dir      string // made if it is not there
	Sync     Sync
	MaxBytes int64 // on disk, for everything
	// MaxStanzaBytes is the largest stanza that will be stored.
	MaxStanzaBytes int
	// Bounds of the outbox; 0: no bound but MaxBytes.
	OutboxBytes, OutboxCount int64
	Log                      *zap.Logger
}

// Store is an open store. One process at a time may have a directory open.
type Store struct {
	srv    *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	events jetstream.Stream
	outbox jetstream.Stream
	people jetstream.KeyValue
	lock   *os.File
	log    *zap.Logger
	pub    *publisher
}

// ErrLocked means that another process has the directory open.
var ErrLocked = errors.New("another stanzahook is using this directory")

// Open opens the store in a directory, and recovers it if the process before
// was killed.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store.dir: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s := &Store{lock: lock, log: o.Log}
	if err := s.start(ctx, o); err != nil {
		s.Close()
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	return s, nil
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}

func (s *Store) start(ctx context.Context, o Options) error {
	if o.MaxStanzaBytes < 0 || o.MaxStanzaBytes > maxStanza {
		return fmt.Errorf("a stanza of %d bytes cannot be stored; at most %d can", o.MaxStanzaBytes, maxStanza)
	}
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
		MaxPayload:         int32(max(1<<20, o.MaxStanzaBytes+recordOverhead)),
		MaxPending:         64 << 20,
	})
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	s.srv = srv
	srv.SetLoggerV2(&serverLog{o.Log.Named("store").Sugar()}, false, false, false)
	go srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		return errors.New("it did not open within a minute; see the log lines of \"store\"")
	}
	s.nc, err = nats.Connect("", nats.InProcessServer(srv), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s.js, err = jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(publishWindow), jetstream.WithPublishAsyncTimeout(publishTimeout))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.events, err = s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:                 eventStream,
		Description:          "stanzas that wait for their endpoint",
		Subjects:             []string{eventSubjects},
		Retention:            jetstream.WorkQueuePolicy,
		Storage:              jetstream.FileStorage,
		Discard:              jetstream.DiscardNew,
		DiscardNewPerSubject: true,
		MaxBytes:             eventBytes(o),
		MaxMsgsPerSubject:    maxPerConversation,
		Duplicates:           2 * time.Minute,
	})
	if err != nil {
		return fmt.Errorf("open the queue: %w", err)
	}
	if err := s.openOutbox(ctx, o); err != nil {
		return err
	}
	if err := s.openSubscribers(ctx); err != nil {
		return err
	}
	s.pub = newPublisher(s.js)
	return nil
}

// eventBytes is what the queue of events may hold: half of all, so that other
// things have room, and what the outbox leaves if that is less.
func eventBytes(o Options) int64 {
	return max(1, min(o.MaxBytes/2, o.MaxBytes-o.OutboxBytes-o.MaxBytes/16))
}

// Ready returns nil if the store can be written to.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.events.Info(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Waiting returns how many events have not been answered.
func (s *Store) Waiting(ctx context.Context) (uint64, error) {
	info, err := s.events.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	return info.State.Msgs, nil
}

// Close waits for publishes that are under way and closes the store.
func (s *Store) Close() {
	if s.pub != nil {
		s.pub.close()
	}
	if s.nc != nil {
		s.nc.Close()
	}
	if s.srv != nil {
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
	}
	_ = s.lock.Close() // releases the lock
}

// serverLog hands the embedded server's lines to zap.
type serverLog struct{ *zap.SugaredLogger }

func (l *serverLog) Noticef(f string, v ...any) { l.Debugf(f, v...) }
func (l *serverLog) Tracef(f string, v ...any)  { l.Debugf(f, v...) }
func (l *serverLog) Fatalf(f string, v ...any)  { l.Errorf(f, v...) }
