package store

import (
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
	LogKeep                  time.Duration // the delivery log: for how long,
	LogCount                 int           // and how many deliveries
	DeadKeep                 time.Duration // the dead letters
	DeadBytes                int64
	JobKeep                  time.Duration // roster jobs
	// Hung is called when the embedded server has locked itself up; only a new
	// process helps then.
	Hung    func()
	journal *journal // of the delivery log; made by openLog
	Log     *zap.Logger
}

// Store is an open store. One process at a time may have a directory open.
type Store struct {
	o    Options
	lock *os.File
	log  *zap.Logger
	eng  atomic.Pointer[engine]
	pub  *publisher

	requestIndex requestIndex

	mu     sync.Mutex
	queues map[string]*Queue
	reopen []func(context.Context) error // what a new engine needs besides

	shares *deadShares
	// Senders are the shares of senders in the queues of events.
	Senders *Shares
	// Evicted counts dead letters that went because their sender had more than his share.
	Evicted atomic.Int64

	held    atomic.Int64              // bytes of the queues, about
	full    atomic.Pointer[error]     // why nothing may be stored now; nil: it may
	watched atomic.Pointer[time.Time] // when watch came by last
	dirty   chan *Queue               // queues with something to remove
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// ErrLocked means that another process has the directory open.
var ErrLocked = errors.New("another stanzahook is using this directory")

// Open opens the store in a directory, and recovers it if the process before
// was killed.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.MaxStanzaBytes < 0 || o.MaxStanzaBytes > maxStanza {
		return nil, fmt.Errorf("a stanza of %d bytes cannot be stored; at most %d can", o.MaxStanzaBytes, maxStanza)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store.dir %s: the directory cannot be made: %w; make it (install -d -m 0700 -o the user that stanzahook runs as), or write another one", o.Dir, err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s := &Store{o: o, lock: lock, log: o.Log, queues: make(map[string]*Queue), dirty: make(chan *Queue, 1024), shares: newDeadShares(&o), Senders: NewShares(eventBytes(&o))}
	e, err := startEngine(ctx, &s.o)
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s.eng.Store(e)
	if err := s.audit(ctx); err != nil {
		e.close()
		_ = lock.Close() // nothing was written
		return nil, fmt.Errorf("store.dir %s: %w", o.Dir, err)
	}
	s.requestIndex.most = requestBytes(&s.o)
	s.pub = newPublisher(s)
	s.checkDisk()
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.seen()
	s.wg.Go(func() { s.sweep(run) })
	s.wg.Go(func() { s.watch(run) })
	return s, nil
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

// eventBytes is what the queues of events may hold: half of all, or what the
// outbox, the delivery log and the dead letters leave if that is less.
func eventBytes(o *Options) int64 {
	return max(o.MaxBytes/8, min(o.MaxBytes/2, o.MaxBytes-o.OutboxBytes-logBytes(o)-deadBytes(o)-rosterBytes(o)*9/8-o.MaxBytes/16))
}

// Ready returns nil if the store can be written to.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.refuses(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// The client library does not heed ctx where the server hangs.
	answered := make(chan error, 1)
	go func() {
		_, err := s.eng.Load().js.AccountInfo(ctx)
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

// Waiting returns how many events have not been answered.
func (s *Store) Waiting(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n uint64
	for _, q := range s.queues {
		state, err := q.state(ctx)
		if err != nil {
			return 0, err
		}
		n += state.Msgs
	}
	return n, nil
}

// Close waits for publishes that are under way, removes what is answered, and
// closes the store.
func (s *Store) Close() {
	s.pub.close()
	s.stop()
	s.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	s.closeLog(ctx)
	s.leave(ctx)
	s.eng.Load().close()
	_ = s.lock.Close() // releases the lock
}
