package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// dedupeFor is how long the servers know a record by its id, so that a put that is
	// repeated is stored once. It is longer than any put is repeated.
	dedupeFor = 30 * time.Second
	// The least of a bucket, and which part of MaxBytes it may have.
	minBucketBytes, bucketShare = 1 << 20, 512
)

// BucketBytes is how much a bucket without a bound of its own may take on an external
// server, whose store may take maxBytes.
func BucketBytes(maxBytes int64) int64 { return max(minBucketBytes, maxBytes/bucketShare) }

// Remote says how an external NATS is reached.
type Remote struct {
	URL      string // of one server or of several, with commas between them
	Name     string // what streams and subjects begin with
	Replicas int    // of every stream
	// Credentials: one of a file of credentials, one of an nkey, a user; or none.
	CredsFile, NKeyFile, User, Password string
	TLS                                 *tls.Config // nil: as the URL says
	// OnLost is called once when records that were reported as stored are gone, or when
	// another process writes into the streams; only a new process helps then.
	OnLost func(reason string)
	// Holds, which may be nil, is asked before a fence is put: an error says that another process
	// is to write into the streams, or that nobody knows.
	Holds func(context.Context) error
	// Keeps, which may be nil, is asked when a record was put: false says that another process may have read the stream
	// before, which then does not know of the record.
	Keeps func(context.Context) bool
}

// remote is what an engine has of an external NATS.
type remote struct {
	Remote
	prefix       string // of subjects
	opening      sync.Mutex
	adding       chan struct{}                    // has one of each append whose sender waits, or has given up
	losing       sync.Once                        // OnLost is called once, whoever notices it
	flows        atomic.Pointer[map[string]*flow] // by the first token of their subjects; replaced as a whole
	reconnects   atomic.Int64
	disconnected atomic.Pointer[time.Time] // since when; nil: connected
	unfit        atomic.Pointer[error]     // why the server that is connected cannot be the store
}

// Connect connects to an external NATS. It does not wait for one that is not there.
//
// Errors say what is wrong and name the server.
func Connect(ctx context.Context, r Remote, o Options) (*Server, error) {
	s := &Server{o: o, confirming: newConfirmer()}
	e := &engine{s: s, remote: newRemote(r)}
	e.window = newWindow(e, false)
	options, err := e.options()
	if err != nil {
		return nil, err
	}
	if e.nc, err = dial(r.URL, options); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", r.URL, explain(err))
	}
	if e.js, err = jetstream.New(e.nc); err == nil {
		err = e.suits(ctx)
	}
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("NATS at %s: %w", r.URL, err)
	}
	s.engine.Store(e)
	return s, nil
}

// dial connects to one of the servers of a URL. If none can be used, the error is that of one that
// answers, if any does: the library has only that of the last one.
func dial(url string, options []nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect(url, options...)
	if err == nil || !errors.Is(err, nats.ErrNoServers) || !strings.Contains(url, ",") {
		return nc, err
	}
	for one := range strings.SplitSeq(url, ",") {
		nc, why := nats.Connect(strings.TrimSpace(one), options...)
		switch {
		case why == nil: // it has come up meanwhile; the next attempt knows all of them
			nc.Close()
			return nil, err
		case !errors.Is(why, nats.ErrNoServers):
			return nil, fmt.Errorf("%s: %w", one, why)
		}
	}
	return nil, err
}

func newRemote(r Remote) *remote {
	return &remote{Remote: r, prefix: r.Name + ".", adding: make(chan struct{}, inFlight)}
}

func (e *engine) options() ([]nats.Option, error) {
	r, log := e.remote, e.s.o.Log.Named("store")
	list := []nats.Option{
		nats.Name("stanzahook " + r.Name), nats.CustomInboxPrefix("_INBOX." + r.Name),
		nats.Timeout(2 * time.Second), nats.ReconnectWait(50 * time.Millisecond), nats.ReconnectJitter(20*time.Millisecond, 20*time.Millisecond), nats.MaxReconnects(-1),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2),
		// A server that has stopped reading blocks a write, and with it the pings, for no
		// longer than that.
		nats.FlusherTimeout(2 * time.Second),
		nats.SyncQueueLen(maxAnswers),
		// Nothing may be sent later than it seems.
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if nc.IsClosed() {
				return
			}
			now := time.Now()
			r.disconnected.CompareAndSwap(nil, &now)
			log.Warn("NATS connection lost; reconnecting", zap.Error(err))
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			r.disconnected.Store(nil)
			r.reconnects.Add(1)
			e.refit(nc)
			log.Info("NATS connected again", zap.String("server", nc.ConnectedUrlRedacted()))
			for _, f := range r.all() {
				f.reconnected()
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			e.s.repeats.Warn(log, "NATS reports an error", zap.Error(explain(err)))
		}),
	}
	switch {
	case r.CredsFile != "":
		list = append(list, nats.UserCredentials(r.CredsFile))
	case r.NKeyFile != "":
		nkey, err := nats.NkeyOptionFromSeed(r.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("store.nats.nkey_file %s: %w", r.NKeyFile, err)
		}
		list = append(list, nkey)
	case r.User != "":
		list = append(list, nats.UserInfo(r.User, r.Password))
	}
	if r.TLS != nil {
		list = append(list, nats.Secure(r.TLS))
	}
	return list, nil
}

// suits reports why the server that was reached cannot be the store.
func (e *engine) suits(ctx context.Context) error {
	if err := e.fits(e.nc); err != nil {
		return err
	}
	err := e.api(ctx, func(ctx context.Context) error {
		_, err := e.js.AccountInfo(ctx)
		return err
	})
	if err != nil {
		return explain(err)
	}
	return nil
}

// fits reports whether the servers take the largest record.
func (e *engine) fits(nc *nats.Conn) error {
	if need := int64(e.s.o.MaxRecordBytes + overhead); nc.MaxPayload() < need {
		return fmt.Errorf("max_payload is %d bytes, and the largest record takes %d; set max_payload: 8MB in the configuration of every NATS server", nc.MaxPayload(), need)
	}
	return nil
}

// refit looks whether the server of a new connection is as it has to be.
func (e *engine) refit(nc *nats.Conn) {
	if err := e.fits(nc); err != nil {
		e.remote.unfit.Store(&err)
		e.s.o.Log.Error("this NATS server cannot be the store", zap.String("server", nc.ConnectedUrlRedacted()), zap.Error(err))
		return
	}
	e.remote.unfit.Store(nil)
}

// lost reports, once, that only a new process helps.
func (e *engine) lost(reason string) {
	e.remote.losing.Do(func() {
		e.s.o.Log.Error("store lost", zap.String("reason", reason), zap.String("hint", "the process starts anew, and reads what NATS has"))
		if e.remote.OnLost != nil {
			e.remote.OnLost(reason)
		}
	})
}

// Health is how a connection to an external NATS is.
type Health struct {
	Connected    bool
	Since        time.Time // of a connection that is lost, when that was
	Server       string    // address of the server that is used, without credentials
	Replicas     int
	Reconnects   int64
	Republished  int64         // appends that were sent once more
	Unwritten    int           // appends under way
	UnwrittenFor time.Duration // since the oldest of them
	// Trouble is what NATS answers to appends instead of storing them, with what to do; nil:
	// nothing, or they are stored.
	Trouble error
}

// Health returns how the connection is; nil of an embedded server.
func (s *Server) Health() *Health {
	e := s.engine.Load()
	r := e.remote
	if r == nil {
		return nil
	}
	h := &Health{Connected: e.nc.IsConnected(), Server: e.nc.ConnectedUrlRedacted(), Replicas: r.Replicas, Reconnects: r.reconnects.Load()}
	if since := r.disconnected.Load(); since != nil && !h.Connected {
		h.Since = *since
	}
	for _, f := range r.all() {
		n, oldest := f.load()
		h.Unwritten, h.UnwrittenFor = h.Unwritten+n, max(h.UnwrittenFor, oldest)
		h.Republished += f.republished.Load()
		if err := f.refused(); err != nil {
			h.Trouble = explain(err)
		}
	}
	if unfit := r.unfit.Load(); unfit != nil {
		h.Trouble = *unfit
	}
	return h
}

// Unconfirmed returns how many bytes are on their way into streams of an external server
// that are appended to.
func (s *Server) Unconfirmed() int64 {
	r, all := s.engine.Load().remote, 0
	if r == nil {
		return 0
	}
	for _, f := range r.all() {
		f.mu.Lock()
		all += f.bytes
		f.mu.Unlock()
	}
	return int64(all)
}

// Refuse refuses what an external server has not answered, and all that follows: at the end,
// when it does not answer any more.
func (s *Server) Refuse() {
	if r := s.engine.Load().remote; r != nil {
		r.close()
	}
}

func (r *remote) close() {
	for _, f := range r.all() {
		f.close()
	}
}

// all are the flows of the streams that are open.
func (r *remote) all() map[string]*flow {
	if all := r.flows.Load(); all != nil {
		return *all
	}
	return nil
}

// follow lets a stream have appends. next is the place of the first one; 0 if they are not
// sequenced.
func (e *engine) follow(token, stream string, next uint64) error {
	r := e.remote
	r.opening.Lock()
	defer r.opening.Unlock()
	if f := r.all()[token]; f != nil {
		f.begin(next)
		return nil
	}
	f := newFlow(e, token, stream)
	f.begin(next)
	if err := f.subscribe(e.nc); err != nil {
		return err
	}
	all := map[string]*flow{token: f}
	maps.Copy(all, r.all())
	r.flows.Store(&all)
	return nil
}

// append hands a record to the flow of its stream.
func (r *remote) append(a *Append) {
	token, _, _ := strings.Cut(a.Subject, ".")
	f := r.all()[token]
	if f == nil {
		a.Result(a, 0, fmt.Errorf("no stream that is open has the subject %s", a.Subject))
		return
	}
	f.append(a)
}

// appendWait is append that waits for the result, which is sent to done, for
// keyValueTimeout at most.
func (r *remote) appendWait(ctx context.Context, a *Append, done chan error) error {
	ctx, cancel := context.WithTimeout(ctx, keyValueTimeout)
	defer cancel()
	select {
	case r.adding <- struct{}{}:
	case <-ctx.Done():
		return errSilent
	}
	a.Result = func(_ *Append, _ uint64, err error) {
		<-r.adding
		done <- err
	}
	go r.append(a) // it waits while the window is full
	select {
	case err := <-done:
		if err == nil && r.Keeps != nil && !r.Keeps(ctx) {
			return errSilent
		}
		return err
	case <-ctx.Done():
		return errSilent
	}
}

// name returns the name of a stream on the server.
func (e *engine) name(logical string) string {
	if e.remote == nil {
		return logical
	}
	return e.remote.Name + "_" + logical
}

// outer returns a subject as the server has it, inner the other way.
func (e *engine) outer(subject string) string {
	if e.remote == nil || subject == "" {
		return subject
	}
	return e.remote.prefix + subject
}

func (e *engine) inner(subject string) string {
	if e.remote == nil {
		return subject
	}
	return strings.TrimPrefix(subject, e.remote.prefix)
}
