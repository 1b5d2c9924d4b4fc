package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/stream"
)

// Sync says when what was written is forced to the disk.
type Sync string

// The ways to sync.
const (
	SyncInterval Sync = "interval" // once a second
	SyncAlways   Sync = "always"   // before a publish is confirmed
)

const (
	maxStanza    = 32 << 20
	minRecord    = 2<<20 - 64<<10 // bytes of the largest record at least: that of a roster
	defaultBytes = 4 << 30

	// openTimeout is how long the streams may take to open; the server has a minute
	// of its own before.
	openTimeout = 60 * time.Second
	readTimeout = 10 * time.Second
)

// Options configure a store. Only Dir is required.
type Options struct {
	Dir      string // made if it is not there
	Sync     Sync   // empty: SyncInterval
	MaxBytes int64  // on disk, for everything; 0: 4 GiB
	// MaxStanzaBytes is the largest stanza that can be stored; if it is less than about
	// 2 MiB, that much can.
	MaxStanzaBytes int
	// Bounds of the outbox; 0: no bound but MaxBytes.
	OutboxBytes, OutboxCount int64
	LogKeep                  time.Duration // of entries of the delivery log; 0: 24 hours
	LogCount                 int           // of deliveries in it; 0: 100,000
	DeadKeep                 time.Duration // of dead letters; 0: 14 days
	DeadBytes                int64         // 0: 1 GiB; at most a quarter of MaxBytes
	JobKeep                  time.Duration // of roster jobs; 0: until they are too many
	// OnHung, which may be nil, is called when the embedded server has locked itself up;
	// only a new process helps then.
	OnHung func()
	Log    *zap.Logger // nil: nothing is logged
}

// Store is an open store. One process at a time may have a directory open.
type Store struct {
	o       Options
	lock    *os.File
	log     *zap.Logger
	srv     *stream.Server
	streams []*stream.Stream // but for those of the queues and the delivery log
	pub     *publisher

	outbox          *stream.Stream
	dead            *stream.Stream
	deliveries      *deliverylog.Log
	endpoints       bucket
	features        Features
	subscribers     Subscribers
	rosters         Rosters
	sent            SentMessages
	idempotencyKeys IdempotencyKeys

	mu     sync.Mutex
	queues map[string]*Queue

	deadShares *deadShares
	// Senders are the shares of senders in the queues of events.
	Senders *Shares
	// Evicted counts dead letters that were removed because their sender had more than
	// his share.
	Evicted atomic.Int64

	held    atomic.Int64              // bytes of the queues, about
	full    atomic.Pointer[error]     // why nothing may be stored now; nil: it may
	watched atomic.Pointer[time.Time] // when watch came by last
	dirty   chan *Queue               // queues with something to remove
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// Errors.
var (
	// ErrLocked means that another process has the directory open.
	ErrLocked = errors.New("another stanzahook is using this directory")
	// ErrClosed means that the store is closing.
	ErrClosed = errors.New("the store is closed")
)

// Open opens the store in a directory, and recovers it if the process before
// was killed.
//
// Errors: ErrLocked; others name the directory and what is wrong with it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store.dir %s: the directory cannot be made: %w; make it (install -d -m 0700 -o the user that stanzahook runs as), or write another one", o.Dir, err)
	}
	s := &Store{o: o, log: o.Log, queues: make(map[string]*Queue), dirty: make(chan *Queue, 1024), deadShares: newDeadShares(&o), Senders: NewShares(eventBytes(&o))}
	var err error
	if s.lock, err = lockDir(o.Dir); err == nil {
		if err = s.open(ctx); err != nil {
			_ = s.lock.Close() // nothing was written
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s.pub = newPublisher(s)
	s.checkDisk()
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.seen()
	s.wg.Go(func() { s.sweep(run) })
	s.wg.Go(func() { s.watch(run) })
	return s, nil
}

// complete sets what is not set.
func (o *Options) complete() error {
	if o.Dir == "" {
		return errors.New("store: Options.Dir is empty; it names the directory to store in")
	}
	if o.MaxStanzaBytes < 0 || o.MaxStanzaBytes > maxStanza {
		return fmt.Errorf("a stanza of %d bytes cannot be stored; at most %d can", o.MaxStanzaBytes, maxStanza)
	}
	switch o.Sync = cmp.Or(o.Sync, SyncInterval); o.Sync {
	case SyncInterval, SyncAlways:
	default:
		return fmt.Errorf("store: Options.Sync is %q; it is %q or %q", o.Sync, SyncInterval, SyncAlways)
	}
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultBytes)
	o.LogKeep, o.LogCount = cmp.Or(o.LogKeep, 24*time.Hour), cmp.Or(o.LogCount, 100_000)
	o.DeadKeep, o.DeadBytes = cmp.Or(o.DeadKeep, 14*24*time.Hour), cmp.Or(o.DeadBytes, 1<<30)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return nil
}

// open starts the server and opens everything but the queues.
func (s *Store) open(ctx context.Context) (err error) {
	s.srv, err = stream.Start(stream.Options{
		Dir: s.o.Dir, MaxBytes: s.o.MaxBytes, SyncAlways: s.o.Sync == SyncAlways, Log: s.log,
		MaxRecordBytes: max(minRecord, s.o.MaxStanzaBytes),
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.srv.Stop()
		}
	}()
	s.outbox = s.stream(outboxConfig(&s.o))
	s.dead = s.stream(deadConfig(&s.o))
	s.endpoints = s.bucket(endpointsConfig())
	s.subscribers = Subscribers{s.bucket(subscribersConfig())}
	s.features = Features{s.bucket(featuresConfig())}
	s.rosters = Rosters{s.bucket(rostersConfig(&s.o)), s.bucket(jobsConfig(&s.o))}
	s.sent = SentMessages{s.bucket(sentConfig(&s.o))}
	s.idempotencyKeys = IdempotencyKeys{bucket: s.bucket(idempotencyConfig(&s.o)), most: idempotencyBytes(&s.o)}
	if err := s.openStreams(ctx); err != nil {
		return err
	}
	s.deliveries, err = deliverylog.Open(ctx, s.srv, deliverylog.Options{
		Keep: s.o.LogKeep, Count: s.o.LogCount, MaxBytes: logBytes(&s.o), Refuses: s.refusesHistory, Log: s.log,
	})
	if err != nil {
		return err
	}
	return s.checkIntegrity(ctx)
}

// stream returns a stream that openStreams opens.
func (s *Store) stream(c stream.Config) *stream.Stream {
	st := s.srv.Stream(c)
	s.streams = append(s.streams, st)
	return st
}

// openStreams opens the streams, also in a server that was started again.
func (s *Store) openStreams(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for _, st := range s.streams {
		if err := st.Open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lockName is the file in a store's directory that a process locks which has it
// open.
const lockName = "lock"

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, err
	}
	return f, nil
}

// flock locks a file, or closes it.
func flock(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrLocked
		}
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// Ready returns nil if the store can be written to.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.refuses(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// The client library does not heed ctx where the server hangs.
	answered := make(chan error, 1)
	go func() {
		_, err := s.srv.Used(ctx)
		answered <- err
	}()
	select {
	case err := <-answered:
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		return nil
	case <-ctx.Done():
		return errors.New("store: it does not answer")
	}
}

// Waiting returns how many events have not been acknowledged.
func (s *Store) Waiting(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, q := range s.queues {
		state, err := q.state(ctx)
		if err != nil {
			return 0, err
		}
		n += state.Records
	}
	return n, nil
}

// DeliveryLog is the log of what became of deliveries.
func (s *Store) DeliveryLog() *deliverylog.Log { return s.deliveries }

// Features are what the hosts of the XMPP server have.
func (s *Store) Features() *Features { return &s.features }

// Subscribers are the users who see the presence of bots.
func (s *Store) Subscribers() *Subscribers { return &s.subscribers }

// Rosters are the records of rosters and roster jobs.
func (s *Store) Rosters() *Rosters { return &s.rosters }

// SentMessages are the states of messages of HTTP callers.
func (s *Store) SentMessages() *SentMessages { return &s.sent }

// IdempotencyKeys are the requests of HTTP callers that have a key.
func (s *Store) IdempotencyKeys() *IdempotencyKeys { return &s.idempotencyKeys }

// Close waits for publishes that are under way, removes what is acknowledged, and
// closes the store.
func (s *Store) Close() {
	s.pub.close()
	s.stop()
	s.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	s.deliveries.Close(ctx)
	s.writeAccount(ctx)
	s.srv.Stop()
	_ = s.lock.Close() // releases the lock
}
