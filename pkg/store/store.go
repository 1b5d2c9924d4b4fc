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

// Sync is when writes are forced to the disk.
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

// Options configure a store. Only Dir is required, or NATS.
type Options struct {
	Dir      string // made if it is not there
	NATS     *NATS  // instead of Dir
	Sync     Sync   // empty: SyncInterval; of Dir
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
	// OnHung, which may be nil, is called when the embedded server has locked itself up, or
	// another process writes into the streams of NATS; only a new process helps then.
	OnHung func()
	Log    *zap.Logger // nil: nothing is logged
}

// Store is an open store. One process at a time may have a directory open.
type Store struct {
	o       Options
	lock    *os.File
	log     *zap.Logger
	srv     *stream.Server
	streams []*stream.Stream // but for that of the delivery log
	disk    *disk
	watcher *watcher
	stop    context.CancelFunc
	wg      sync.WaitGroup
	// admit, which may be nil, decides whether the store may be opened, before anything in it
	// is touched; nil: unless it is a copy that was not finished.
	admit func(context.Context) error
	alone bool         // opened for a copy: nothing in it changes by itself
	used  atomic.Int64 // bytes; on NATS, when it answered last

	queues          *Queues
	outbox          Outbox
	dead            DeadLetters
	deliveries      *deliverylog.Log
	endpoints       States[EndpointState]
	madeEndpoints   MadeEndpoints
	madeHooks       MadeEndpoints
	madeCommands    MadeEndpoints
	features        States[HostFeatures]
	subscribers     Subscribers
	rosters         Rosters
	rooms           Rooms
	bots            Bots
	avatars         Avatars
	sent            SentMessages
	answered        Answered
	threads         Threads
	questions       Questions
	waiting         WaitingMessages
	corrections     WaitingMessages
	idempotencyKeys IdempotencyKeys
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
// With NATS, it waits until NATS can be the store, or ctx ends.
//
// Errors: ErrLocked; others name the directory and what is wrong with it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if o.NATS != nil {
		s, err := openNATS(ctx, o)
		if err == nil {
			s.run()
		}
		return s, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store.dir %s: the directory cannot be made: %w; make it (install -d -m 0700 -o the user that stanzahook runs as), or write another one", o.Dir, err)
	}
	s := &Store{o: o, log: o.Log}
	var err error
	if s.lock, err = lockDir(o.Dir); err == nil {
		if err = s.open(ctx); err != nil {
			_ = s.lock.Close() // nothing was written
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s.run()
	return s, nil
}

// run starts what an open store does by itself.
func (s *Store) run() {
	s.queues.pub = newPublisher(s.srv, s.disk)
	s.watcher = &watcher{srv: s.srv, disk: s.disk, queues: s.queues, reopen: s.reopen, onHung: s.o.OnHung, log: s.log, every: probeEvery}
	if s.o.NATS != nil {
		s.watcher.every = probeRemoteEvery
		s.disk.coming = func() int64 { return s.queues.pub.unpassed.Load() + s.srv.Unconfirmed() }
	}
	s.disk.check()
	s.watcher.seen()
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.wg.Go(func() { s.queues.sweep(run) })
	s.wg.Go(func() { s.watcher.run(run) })
	s.wg.Go(func() { s.sweepErased(run) })
}

// complete sets the defaults.
func (o *Options) complete() error {
	if o.Dir == "" && o.NATS == nil {
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
	if o.OnHung != nil {
		o.OnHung = sync.OnceFunc(o.OnHung) // whoever notices it
	}
	o.LogKeep, o.LogCount = cmp.Or(o.LogKeep, 24*time.Hour), cmp.Or(o.LogCount, 100_000)
	o.DeadKeep, o.DeadBytes = cmp.Or(o.DeadKeep, 14*24*time.Hour), cmp.Or(o.DeadBytes, 1<<30)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return nil
}

// open starts the server and opens everything.
func (s *Store) open(ctx context.Context) (err error) {
	o := stream.Options{
		Dir: s.o.Dir, MaxBytes: s.o.MaxBytes, SyncAlways: s.o.Sync == SyncAlways, Log: s.log,
		MaxRecordBytes: max(minRecord, s.o.MaxStanzaBytes),
	}
	if s.streams = nil; s.o.NATS != nil {
		s.srv, err = stream.Connect(ctx, s.o.NATS.remote(s.o.OnHung), o)
	} else {
		s.srv, err = stream.Start(o)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.srv.Stop()
		}
	}()
	s.define()
	if s.admit == nil {
		s.admit = s.refuseBegun
	}
	if err = s.admit(ctx); err != nil {
		return err
	}
	if err := s.openStreams(ctx); err != nil {
		return err
	}
	if s.o.NATS != nil {
		if err := s.takeOverStreams(ctx); err != nil {
			return err
		}
		// Nobody else reads all of these, and so notes which stand for none.
		if err := s.endpoints.each(ctx, func(*stream.Record) error { return nil }); err != nil {
			return fmt.Errorf("read the states of endpoints: %w", err)
		}
	}
	s.deliveries, err = deliverylog.Open(ctx, s.srv, s.logOptions())
	if err != nil {
		return err
	}
	if s.o.NATS == nil {
		if err := checkIntegrity(ctx, s.srv, s.o.Dir, s.log); err != nil {
			return err
		}
	}
	if err := s.threads.load(ctx); err != nil {
		return err
	}
	return s.queues.load(ctx)
}

// define says which streams there are, of which none is opened.
func (s *Store) define() {
	s.disk = &disk{dir: s.o.Dir, maxEvents: acceptBytes(&s.o), srv: s.srv, log: s.log, erased: make(chan struct{}, 1)}
	s.outbox = Outbox{s.stream(outboxConfig(&s.o)), s.disk, s.log, s.o.OutboxBytes, s.o.OutboxCount}
	s.dead.st, s.dead.disk, s.dead.log, s.dead.shares = s.stream(deadConfig(&s.o)), s.disk, s.log, newDeadShares(deadBytes(&s.o))
	s.openStates()
	s.subscribers = Subscribers{s.bucket(subscribersConfig())}
	s.rosters = Rosters{s.bucket(rostersConfig(&s.o)), s.bucket(jobsConfig(&s.o))}
	s.sent = SentMessages{s.bucket(sentConfig(&s.o))}
	s.answered = Answered{s.bucket(answeredConfig(&s.o))}
	s.threads = newThreads(s.bucket(threadsConfig(&s.o)))
	s.questions = Questions{s.bucket(questionsConfig(&s.o))}
	s.openWaiting()
	s.idempotencyKeys = IdempotencyKeys{bucket: s.bucket(idempotencyConfig(&s.o)), most: idempotencyBytes(&s.o)}
	s.queues = newQueues(s)
}

func (s *Store) logOptions() deliverylog.Options {
	return deliverylog.Options{Keep: s.o.LogKeep, Count: s.o.LogCount, MaxBytes: logBytes(&s.o), Refuses: s.disk.refusesHistory, Log: s.log}
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
	if s.o.NATS != nil {
		return s.openTogether(ctx)
	}
	for _, st := range s.streams {
		if err := st.Open(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens the files anew after a write has failed.
func (s *Store) reopen(ctx context.Context) error {
	if err := s.srv.Restart(); err != nil {
		return err
	}
	if err := s.openStreams(ctx); err != nil {
		return err
	}
	s.dead.shares.reset()
	if err := s.deliveries.Reopen(ctx); err != nil {
		return err
	}
	if err := s.queues.discard(ctx); err != nil {
		return err
	}
	return s.srv.Resume(ctx)
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
	if err := s.disk.refuses(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if s.o.NATS != nil {
		return s.readyRemote()
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

// Alive returns nil as long as the store watches itself: its server answers, or
// is about to be restarted, or has been silent for less than it may be, and if it
// stays so, Options.OnHung is called. An error means that only a new process helps.
func (s *Store) Alive() error { return s.watcher.alive() }

// Queues are the queues of the endpoints.
func (s *Store) Queues() *Queues { return s.queues }

// Outbox holds the stanzas that wait for the XMPP server.
func (s *Store) Outbox() *Outbox { return &s.outbox }

// DeadLetters are the stanzas that could not be delivered.
func (s *Store) DeadLetters() *DeadLetters { return &s.dead }

// DeliveryLog is the log of deliveries.
func (s *Store) DeliveryLog() *deliverylog.Log { return s.deliveries }

// Endpoints are the states of endpoints.
func (s *Store) Endpoints() *States[EndpointState] { return &s.endpoints }

// MadeHooks are the hooks that were made by the API; their records are as those of
// endpoints.
func (s *Store) MadeHooks() *MadeEndpoints { return &s.madeHooks }

// MadeCommands are the commands that were made by the API; their records are as those of
// endpoints, and their names are the nodes.
func (s *Store) MadeCommands() *MadeEndpoints { return &s.madeCommands }

// MadeEndpoints are the endpoints that were made by the API.
func (s *Store) MadeEndpoints() *MadeEndpoints { return &s.madeEndpoints }

// Features are what the hosts of the XMPP server have.
func (s *Store) Features() *States[HostFeatures] { return &s.features }

// Subscribers are the users who see the presence of bots.
func (s *Store) Subscribers() *Subscribers { return &s.subscribers }

// Rosters are the records of rosters and roster jobs.
func (s *Store) Rosters() *Rosters { return &s.rosters }

// Answered are the conversations whose encrypted messages were answered.
func (s *Store) Answered() *Answered { return &s.answered }

// Rooms are the rooms that bots are in.
func (s *Store) Rooms() *Rooms { return &s.rooms }

// Bots are the bots that the API has set something of.
func (s *Store) Bots() *Bots { return &s.bots }

// Avatars are the images of these bots.
func (s *Store) Avatars() *Avatars { return &s.avatars }

// WaitingMessages are the messages that wait for their rooms.
func (s *Store) WaitingMessages() *WaitingMessages { return &s.waiting }

// Corrections returns the corrections that wait because another one was sent a moment ago.
func (s *Store) Corrections() *WaitingMessages { return &s.corrections }

// Threads are the first messages of what hooks report on.
func (s *Store) Threads() *Threads { return &s.threads }

// Questions are the last messages with buttons.
func (s *Store) Questions() *Questions { return &s.questions }

// SentMessages are the states of messages of HTTP callers.
func (s *Store) SentMessages() *SentMessages { return &s.sent }

// IdempotencyKeys are the requests of HTTP callers that have a key.
func (s *Store) IdempotencyKeys() *IdempotencyKeys { return &s.idempotencyKeys }

// Close waits for publishes that are under way, removes acknowledged events, and
// closes the store.
func (s *Store) Close() {
	if s.o.NATS != nil { // which may not answer for long
		late := time.AfterFunc(closeWait, s.srv.Refuse)
		defer late.Stop()
	}
	s.queues.pub.close()
	s.stop()
	s.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	s.deliveries.Close(ctx)
	if s.o.NATS == nil {
		writeInventory(ctx, s.srv, s.o.Dir, s.log)
	}
	s.srv.Stop()
	if s.lock != nil {
		_ = s.lock.Close() // releases the lock
	}
}
