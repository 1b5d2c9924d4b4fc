package standby

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/refusal"
	"stanzahook/httpapi"
	"stanzahook/httpapi/forward"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/store"
)

const (
	retryBoard  = time.Second     // between attempts to reach NATS
	releaseTime = 2 * time.Second // for the last words to other replicas
	// abandonTime bounds how long the end of an active replica may take: until then it is no standby.
	abandonTime = 5 * time.Second
)

// Options configure a [Replica].
type Options struct {
	// Read reads the configuration that is used when this replica becomes active. Errors:
	// [*v1.Refusal].
	Read func() (*config.Config, error)
	// Open are the routes that need no token.
	Open func(cfg *config.Config, r *Replica) []httpapi.Route
	// OnLost is called when only a fresh process may go on, or none ([IsTaken]); it may be called
	// at any time until Close.
	OnLost func(error)
	Log    *zap.Logger
}

// Active is what runs on the active replica.
type Active struct {
	// IsLink reports whether an address is this end of a connection to an XMPP server.
	IsLink func(local netip.AddrPort) bool
	// Abandon ends what runs, as it is another replica's by now. It returns when nothing is under
	// way any more, or ctx ends. lost is how many events neither are stored nor have gone back to
	// their senders.
	Abandon func(ctx context.Context) (lost int)
}

// Replica is a process whose store is on NATS until it is the active replica, and its
// place among the replicas after that. It listens on HTTP, passes requests on to the active one
// (http.go), and has no link, no store and no event.
//
// What an App asks of its role works with a nil Replica, too: then the store is embedded.
type Replica struct {
	Addr    string // of the HTTP server
	Started time.Time

	o        Options
	log      *zap.Logger
	server   *httpapi.Server
	forward  *forward.Forward
	failures httpapi.Failures
	hidden   string                         // why other replicas cannot reach this one; empty: they can
	warned   sync.Once                      // of that
	lost     int64                          // events of processes before this one
	member   atomic.Pointer[replica.Member] // nil: NATS was not reached yet
	joined   chan struct{}                  // closed with member
	active   atomic.Pointer[Active]         // nil: this replica is not active, or is starting
	stop     context.CancelFunc
	done     chan struct{}

	mu       sync.Mutex
	cfg      *config.Config
	starting bool // the active part has cfg
	board    *store.Board
	key      []byte // that all replicas have in common
	why      error  // NATS, or the store on it, cannot be used
}

// Start listens on HTTP and becomes a replica as soon as NATS is reached.
func Start(cfg *config.Config, o Options) (*Replica, error) {
	r := &Replica{cfg: cfg, o: o, log: o.Log, hidden: hidden(cfg), Started: time.Now(), lost: lostBefore(), joined: make(chan struct{}), done: make(chan struct{})}
	r.forward = r.newForward(cfg)
	r.server = httpapi.NewServer(r.handler(cfg))
	addr, err := r.server.Start()
	if err != nil {
		return nil, err
	}
	r.Addr = addr
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.join(ctx, cfg)
	return r, nil
}

// join reaches NATS by the configuration of the start, whose store no reload changes, and waits until it can.
func (r *Replica) join(ctx context.Context, cfg *config.Config) {
	defer close(r.done)
	n := livecheck.NATS(cfg)
	heard := func(data []byte) {
		if m := r.member.Load(); m != nil {
			m.Hear(data)
			if why := r.Unreached(); why != "" {
				r.warned.Do(func() { r.log.Error("other replicas cannot reach this one", zap.String("hint", why)) })
			}
		}
	}
	for {
		board, err := store.OpenBoard(ctx, *n, int64(cfg.Store.MaxBytes), r.log, heard)
		if err == nil {
			var key []byte
			if key, err = board.Key(ctx, forward.KeySize); err == nil {
				r.forward.SetKey(key)
				r.isMember(board, key)
				return
			}
			board.Close()
		}
		if r.Waits(err) && ctx.Err() == nil {
			r.log.Warn("store cannot be opened; waiting", zap.Error(err))
		}
		select {
		case <-time.After(retryBoard):
		case <-ctx.Done():
			return
		}
	}
}

// isMember makes this process a replica.
func (r *Replica) isMember(board *store.Board, key []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.board, r.key, r.why = board, key, nil
	r.member.Store(replica.Join(board, replica.Options{
		About: replica.About{
			Replica: Name(r.cfg), Advertise: r.cfg.Advertised(), Version: build.Version, Config: configHash(r.cfg), Secrets: secretsHash(r.cfg, key), Certificate: r.server.Fingerprint(),
		},
		Failover: r.cfg.Replica.Failover, Log: r.log, OnLost: r.o.OnLost,
	}))
	close(r.joined)
}

// hidden returns why other replicas cannot reach one with a configuration; empty: they can.
func hidden(cfg *config.Config) string {
	if cfg.Advertised() != "" {
		return ""
	}
	return "http.listen is " + cfg.HTTP.Listen + ", which is not an address by which other machines reach this one; set replica.advertise, for example to http://10.0.0.1:5290"
}

// Unreached returns why the other replicas that are heard cannot reach this one; empty: they can, or
// there are none.
func (r *Replica) Unreached() string {
	if m := r.member.Load(); r.hidden == "" || m == nil || m.Heard() == 0 {
		return ""
	}
	return r.hidden
}

// Waits notes why the store cannot be opened; nil: it is. It reports whether that is new.
func (r *Replica) Waits(why error) (isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	isNew = why != nil && !store.SameReason(r.why, why)
	r.why = why
	return isNew
}

// Joined is closed when this process is a replica: NATS was reached.
func (r *Replica) Joined() <-chan struct{} { return r.joined }

// Wait waits until this is the active replica. Errors: that of ctx.
func (r *Replica) Wait(ctx context.Context) error {
	select {
	case <-r.joined:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.member.Load().Active():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Begin says that everything starts on this replica, which is the active one, with the configuration
// that it returns: no other one is read until [Replica.Run].
func (r *Replica) Begin() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starting = true
	return r.cfg
}

// Run says what runs on this replica.
func (r *Replica) Run(a Active) { r.active.Store(&a) }

// Abandon is [Active.Abandon] of what runs, if something does, for abandonTime.
//
// What the kernel has not brought over to bots and to NATS is dropped, from the first moment on: when a cable is
// plugged in again, a request of before would come in the middle of the next one's. The connections to the XMPP
// server stay as they are, for the errors; callers get their answers.
func (r *Replica) Abandon() {
	a := r.active.Load()
	dropUnsent(func(local, _ netip.AddrPort) bool { return !r.accepts(local) && (a == nil || !a.IsLink(local)) })
	if a != nil {
		ctx, cancel := context.WithTimeout(context.Background(), abandonTime)
		defer cancel()
		r.tellLost(a.Abandon(ctx))
	}
}

// accepts reports whether connections to an address are those of callers.
func (r *Replica) accepts(local netip.AddrPort) bool {
	own, err := netip.ParseAddrPort(r.Addr)
	return err == nil && own.Port() == local.Port()
}

// ReloadAndLog reads the configuration that is used when this replica becomes active, and logs a
// failure.
func (r *Replica) ReloadAndLog(ctx context.Context) {
	if _, err := r.reload(ctx); err != nil {
		refusal.Log(r.log, err)
	}
}

// reload is v1.Options.Reload.
func (r *Replica) reload(context.Context) ([]string, error) {
	cfg, err := r.o.Read()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.starting {
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: "this replica is taking over; try again in a moment", RetryAfter: 1}
	}
	if fixed := needStandbyRestart(r.cfg, cfg); len(fixed) > 0 {
		return nil, &v1.Refusal{Problems: fixed}
	}
	if err := r.server.Replace(r.handler(cfg)); err != nil {
		return nil, err
	}
	r.cfg = cfg
	r.Describe(cfg)
	r.log.Info("configuration reloaded")
	return []string{"the configuration that counts when this replica becomes active"}, nil
}

// Describe tells the others which configuration and certificate this replica has.
func (r *Replica) Describe(cfg *config.Config) {
	if m := r.member.Load(); m != nil {
		m.Describe(configHash(cfg), secretsHash(cfg, r.key), r.server.Fingerprint())
	}
}

// needStandbyRestart are the changes that take a new process, also of a standby.
func needStandbyRestart(old, next *config.Config) []string {
	var all []string
	for _, problem := range config.NeedRestart(old, next) {
		for _, key := range []string{"store:", "replica:", "http.listen:", "http.tls:", "log.format:"} {
			if strings.HasPrefix(problem, key) {
				all = append(all, problem)
			}
		}
	}
	return all
}

// Close ends the part of this process among the replicas, when the app has stopped: an active one
// hands over.
func (r *Replica) Close() {
	r.stop()
	<-r.done
	r.forward.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	if m := r.member.Load(); m != nil {
		m.Release(ctx)
		r.board.Close()
	}
	r.mu.Lock()
	drain := r.cfg.Drain
	r.mu.Unlock()
	ctx, cancel = context.WithTimeout(context.Background(), drain) // for what is passed on
	defer cancel()
	if err := r.server.Stop(ctx); err != nil {
		r.log.Warn("HTTP requests aborted", zap.Error(err))
	}
}

// Summary is the state in one line.
func (r *Replica) Summary() string {
	if reasons := r.ready(context.Background()); len(reasons) > 0 {
		return "standby; " + reasons[0]
	}
	return r.text()
}

// CheckAlive returns an error if a part of the process does not respond.
func (r *Replica) CheckAlive(ctx context.Context) error {
	if m := r.member.Load(); m != nil {
		if err := m.Alive(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	cfg := r.cfg
	r.mu.Unlock()
	return livecheck.Self(ctx, &cfg.HTTP, r.Addr)
}

// Server is the HTTP server of this process.
func (r *Replica) Server() *httpapi.Server { return r.server }

// May reports whether no other replica can have taken over. It is that of an active replica, as is Alive.
func (r *Replica) May() bool { return r == nil || r.member.Load().May() }

// Alive returns an error if the place among the replicas does not respond.
func (r *Replica) Alive() error {
	if r == nil {
		return nil
	}
	return r.member.Load().Alive()
}

// Gate returns what lets attempts begin, only while no other replica can have taken over; nil:
// there is none.
func (r *Replica) Gate() func(done <-chan struct{}) bool {
	if r == nil {
		return nil
	}
	return r.member.Load().Await
}

// Keeps reports whether no other replica has taken over until now, which it waits for, as long as ctx.
func (r *Replica) Keeps(ctx context.Context) bool { return r.member.Load().Keeps(ctx) }

// Holds returns an error unless the record of the active replica is that by which this one is
// active, as it is now. A replica that was stopped while it opened the store learns so that
// another one has it.
func (r *Replica) Holds(ctx context.Context) error {
	m := r.member.Load()
	_, revision, err := r.board.Record(ctx)
	if err != nil {
		return err
	}
	if epoch := m.Status().Epoch; revision != epoch {
		m.Check("the record of the active replica is another one's")
		return fmt.Errorf("the epoch of this replica is %d, and that of the active one %d: another one has taken over", epoch, revision)
	}
	return nil
}

// OnReplaced returns what is called when another connection has taken the place of a link: the
// next active replica's, perhaps.
func (r *Replica) OnReplaced(domain string) func() {
	if r == nil {
		return nil
	}
	return func() { r.member.Load().Check("another connection has the name " + domain) }
}

// Status is what this replica knows; nil: the store is embedded, or NATS was not reached yet.
func (r *Replica) Status() *replica.Status {
	if r == nil || r.member.Load() == nil {
		return nil
	}
	st := r.member.Load().Status()
	st.Lost = r.lost
	return &st
}

// IsTaken reports whether a role was lost because another process has the name: then this one
// must not go on at all.
func IsTaken(why error) bool { return errors.Is(why, replica.ErrTaken) }
