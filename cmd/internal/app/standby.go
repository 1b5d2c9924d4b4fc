package app

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
	"stanzahook/httpapi"
	"stanzahook/httpapi/forward"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/store"
)

const (
	retryBoard  = time.Second     // between attempts to reach NATS
	releaseTime = 2 * time.Second // for the last words to other replicas
)

// Standby is a process whose store is on NATS until it is the active replica, and its
// place among the replicas after that. It listens on HTTP, passes requests on to the active one
// (standby_http.go), and has no link, no store and no event.
type Standby struct {
	Addr string // of the HTTP server

	log      *zap.Logger
	onLost   func(error)
	reloader *Reloader
	server   *httpapi.Server
	forward  *forward.Forward
	failures httpapi.Failures
	started  time.Time
	failover time.Duration
	hidden   string                         // why other replicas cannot reach this one; empty: they can
	warned   sync.Once                      // of that
	lost     int64                          // events of processes before this one
	member   atomic.Pointer[replica.Member] // nil: NATS was not reached yet
	joined   chan struct{}                  // closed with member
	app      atomic.Pointer[App]            // nil: this replica is not active, or is starting
	stop     context.CancelFunc
	done     chan struct{}

	mu       sync.Mutex
	cfg      *config.Config
	starting bool // the app has cfg
	board    *store.Board
	key      []byte // that all replicas have in common
	why      error  // NATS, or the store on it, cannot be used
}

// StandBy listens on HTTP and becomes a replica as soon as NATS is reached. onLost is called when
// only a fresh process may go on, or none (replica.ErrTaken); it may be called at any time until
// Close. r reloads the configuration.
func StandBy(cfg *config.Config, log *zap.Logger, r *Reloader, onLost func(error)) (*Standby, error) {
	s := &Standby{cfg: cfg, log: log, reloader: r, onLost: onLost, failover: cfg.Replica.Failover, hidden: hidden(cfg), started: time.Now(), lost: lostBefore(), joined: make(chan struct{}), done: make(chan struct{})}
	s.forward = s.newForward(cfg)
	s.server = httpapi.NewServer(s.handler(cfg))
	addr, err := s.server.Start()
	if err != nil {
		return nil, err
	}
	s.Addr = addr
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.join(ctx)
	return s, nil
}

// join reaches NATS, and waits until it can.
func (s *Standby) join(ctx context.Context) {
	defer close(s.done)
	n := livecheck.NATS(s.cfg)
	heard := func(data []byte) {
		if m := s.member.Load(); m != nil {
			m.Hear(data)
			if why := s.unreached(); why != "" {
				s.warned.Do(func() { s.log.Error("other replicas cannot reach this one", zap.String("hint", why)) })
			}
		}
	}
	for {
		board, err := store.OpenBoard(ctx, *n, int64(s.cfg.Store.MaxBytes), s.log, heard)
		if err == nil {
			var key []byte
			if key, err = board.Key(ctx, forward.KeySize); err == nil {
				s.forward.SetKey(key)
				s.isMember(board, key)
				return
			}
			board.Close()
		}
		if s.waits(err) && ctx.Err() == nil {
			s.log.Warn("store cannot be opened; waiting", zap.Error(err))
		}
		select {
		case <-time.After(retryBoard):
		case <-ctx.Done():
			return
		}
	}
}

// isMember makes this process a replica.
func (s *Standby) isMember(board *store.Board, key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.board, s.key, s.why = board, key, nil
	s.member.Store(replica.Join(board, replica.Options{
		About: replica.About{
			Replica: ReplicaName(s.cfg), Advertise: s.cfg.Advertised(), Version: build.Version, Config: configHash(s.cfg), Secrets: secretsHash(s.cfg, key), Certificate: s.server.Fingerprint(),
		},
		Failover: s.cfg.Replica.Failover, Log: s.log, OnLost: s.onLost,
	}))
	close(s.joined)
}

// hidden returns why other replicas cannot reach one with a configuration; empty: they can.
func hidden(cfg *config.Config) string {
	if cfg.Advertised() != "" {
		return ""
	}
	return "http.listen is " + cfg.HTTP.Listen + ", which is not an address by which other machines reach this one; set replica.advertise, for example to http://10.0.0.1:5290"
}

// unreached returns why the other replicas that are heard cannot reach this one; empty: they can, or
// there are none.
func (s *Standby) unreached() string {
	if m := s.member.Load(); s.hidden == "" || m == nil || m.Heard() == 0 {
		return ""
	}
	return s.hidden
}

// waits notes why the store cannot be opened; nil: it is. It reports whether that is new.
func (s *Standby) waits(why error) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isNew = why != nil && !store.SameReason(s.why, why)
	s.why = why
	return isNew
}

// Joined is closed when this process is a replica: NATS was reached.
func (s *Standby) Joined() <-chan struct{} { return s.joined }

// Wait waits until this is the active replica. Errors: that of ctx.
func (s *Standby) Wait(ctx context.Context) error {
	select {
	case <-s.joined:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-s.member.Load().Active():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Start starts everything on this replica, which is the active one. Errors are those of [Start].
func (s *Standby) Start(ctx context.Context, onStoreHung func()) (*App, error) {
	s.mu.Lock()
	cfg := s.cfg
	s.starting = true
	s.mu.Unlock()
	a, err := startAs(ctx, cfg, s.log, onStoreHung, s.reloader, s)
	if err == nil {
		s.app.Store(a)
	}
	return a, err
}

// Abandon is [App.Abandon] of the active replica, for abandonTime.
//
// What the kernel has not brought over to bots and to NATS is dropped, from the first moment on: when a cable is
// plugged in again, a request of before would come in the middle of the next one's. The connections to the XMPP
// server stay as they are, for the errors; callers get their answers.
func (s *Standby) Abandon() {
	a := s.app.Load()
	dropUnsent(func(local, _ netip.AddrPort) bool { return !s.accepts(local) && !a.isLink(local) })
	if a != nil {
		ctx, cancel := context.WithTimeout(context.Background(), abandonTime)
		defer cancel()
		s.tellLost(a.Abandon(ctx))
	}
}

// accepts reports whether connections to an address are those of callers.
func (s *Standby) accepts(local netip.AddrPort) bool {
	own, err := netip.ParseAddrPort(s.Addr)
	return err == nil && own.Port() == local.Port()
}

// ReloadAndLog reads the configuration that is used when this replica becomes active, and logs a
// failure.
func (s *Standby) ReloadAndLog(ctx context.Context) {
	if _, err := s.reload(ctx); err != nil {
		logRefusal(s.log, err)
	}
}

// reload is v1.Options.Reload.
func (s *Standby) reload(context.Context) ([]string, error) {
	cfg, err := s.reloader.read()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starting {
		return nil, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: "this replica is taking over; try again in a moment", RetryAfter: 1}
	}
	if fixed := needStandbyRestart(s.cfg, cfg); len(fixed) > 0 {
		return nil, &v1.Refusal{Problems: fixed}
	}
	if err := s.server.Replace(s.handler(cfg)); err != nil {
		return nil, err
	}
	s.cfg = cfg
	s.describe(cfg)
	s.log.Info("configuration reloaded")
	return []string{"the configuration that counts when this replica becomes active"}, nil
}

// describe tells the others which configuration and certificate this replica has.
func (s *Standby) describe(cfg *config.Config) {
	if m := s.member.Load(); m != nil {
		m.Describe(configHash(cfg), secretsHash(cfg, s.key), s.server.Fingerprint())
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
func (s *Standby) Close() {
	s.stop()
	<-s.done
	s.forward.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	if m := s.member.Load(); m != nil {
		m.Release(ctx)
		s.board.Close()
	}
	s.mu.Lock()
	drain := s.cfg.Drain
	s.mu.Unlock()
	ctx, cancel = context.WithTimeout(context.Background(), drain) // for what is passed on
	defer cancel()
	if err := s.server.Stop(ctx); err != nil {
		s.log.Warn("HTTP requests aborted", zap.Error(err))
	}
}

// Summary is the state in one line.
func (s *Standby) Summary() string {
	if reasons := s.ready(context.Background()); len(reasons) > 0 {
		return "standby; " + reasons[0]
	}
	return s.text()
}

// CheckAlive returns an error if a part of the process does not respond.
func (s *Standby) CheckAlive(ctx context.Context) error {
	if m := s.member.Load(); m != nil {
		if err := m.Alive(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	cfg := s.cfg
	s.mu.Unlock()
	return askMyself(ctx, &cfg.HTTP, s.Addr)
}

// gate returns what lets attempts begin, only while no other replica can have taken over; nil:
// there is none.
func (s *Standby) gate() func(done <-chan struct{}) bool {
	if s == nil {
		return nil
	}
	return s.member.Load().Await
}

// holds returns an error unless the record of the active replica is that by which this one is
// active, as it is now. A replica that was stopped while it opened the store learns so that
// another one has it.
func (s *Standby) holds(ctx context.Context) error {
	m := s.member.Load()
	_, revision, err := s.board.Record(ctx)
	if err != nil {
		return err
	}
	if epoch := m.Status().Epoch; revision != epoch {
		m.Check("the record of the active replica is another one's")
		return fmt.Errorf("the epoch of this replica is %d, and that of the active one %d: another one has taken over", epoch, revision)
	}
	return nil
}

// onReplaced returns what is called when another connection has taken the place of a link: the
// next active replica's, perhaps.
func (s *Standby) onReplaced(domain string) func() {
	if s == nil {
		return nil
	}
	return func() { s.member.Load().Check("another connection has the name " + domain) }
}

// status is what this replica knows; nil: the store is embedded, or NATS was not reached yet.
func (s *Standby) status() *replica.Status {
	if s == nil || s.member.Load() == nil {
		return nil
	}
	st := s.member.Load().Status()
	st.Lost = s.lost
	return &st
}

// IsTaken reports whether a role was lost because another process has the name: then this one
// must not go on at all.
func IsTaken(why error) bool { return errors.Is(why, replica.ErrTaken) }
