package app

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/happenings"
	"stanzahook/cmd/internal/listeners"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/made"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/cmd/internal/profiles"
	"stanzahook/cmd/internal/rosters"
	"stanzahook/cmd/internal/sending"
	"stanzahook/cmd/internal/standby"
	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/bots"
	"stanzahook/component/bounce"
	"stanzahook/component/commands"
	"stanzahook/component/corrections"
	"stanzahook/component/forward"
	"stanzahook/component/outbox"
	"stanzahook/component/presence"
	"stanzahook/component/privilege"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/component/uploads"
	"stanzahook/component/waiting"
	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/account"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
	"stanzahook/pkg/summary"
	"stanzahook/pkg/tracing"
	"stanzahook/pkg/upload"
)

// App is the running program.
type App struct {
	cfg          *config.Config
	log          *zap.Logger
	role         *standby.Replica // among replicas; nil: the store is embedded
	store        *store.Store
	tracer       *tracing.Tracer // nil: no spans
	links        links
	outboxes     map[string]*outbox.Outbox
	outboxShares *store.Shares
	subscribers  *presence.Subscribers
	workers      []*delivery.Worker
	attempts     delivery.Goroutines // of direct events, of all workers
	removed      *delivery.Removed
	listeners    *listeners.Listeners
	grants       map[string]*privilege.Keeper // by domain
	rosters      *rosters.Rosters
	features     *livecheck.HostFeatures // of the server's hosts
	forward      *forward.Forward
	echoes       *forward.Echoes    // of replies to rooms
	rooms        *rooms.Rooms       // that bots are kept in
	profiles     *profiles.Profiles // of bots
	bots         *bots.Bots         // that have one
	commands     *commands.Commands
	updates      *presence.Updates
	services     *services.Services
	finder       *uploads.Finder
	uploads      *upload.Uploads
	recent       *message.Recent
	quiet        *bounce.Quiet
	questions    *message.Questions // with buttons
	unreadable   *forward.Unreadable
	server       *httpapi.Server
	metrics      *metrics.Metrics
	happenings   *happenings.Happenings
	day          *summary.Day
	accounts     *account.Pool // sessions of /msg; nil: none
	inProgress   v1.InProgress
	failures     httpapi.Failures // of logins, kept over reloads
	logins       postmsg.Logins
	hooks        hooks.Statuses    // kept over reloads
	threads      *hooks.Threads    // of hooks
	waiting      *waiting.Messages // of hooks, for rooms
	corrections  *corrections.Corrections
	reloader     v1.Reload // nil: none

	current        atomic.Pointer[current] // to read outside a change
	changing       chan struct{}           // full during a change of the configuration, and the stop; guards cfg, made, profiles, commandTargets, workers, rosters, accounts
	stopping       context.Context
	beginStop      context.CancelFunc
	made           madeByAPI
	commandTargets map[string]commandTarget // by node

	sent        *sending.Outcomes
	archives    archive.Collector
	started     time.Time
	onStoreHung func() // called when only a new process helps
	Addr        string // of the HTTP server
	undo        []undo // last in, first out
}

// current is what a reload replaces.
type current struct {
	cfg     *config.Config
	hosts   []string // cfg.OwnHosts
	workers []*delivery.Worker
	made    made.Items[config.Endpoint]
}

type undo struct {
	name string
	do   func(context.Context)
}

// Start starts everything in order; if something fails, it stops what has started.
// The store is an embedded one; with one on NATS, see [StartActive].
// It calls onStoreHung when only a new process can go on. r, which may be nil, reloads
// the configuration.
func Start(ctx context.Context, cfg *config.Config, log *zap.Logger, onStoreHung func(), r *Reloader) (*App, error) {
	return startAs(ctx, cfg, log, onStoreHung, r, nil)
}

// startAs is Start, also with a store on NATS, for which a process needs a role.
func startAs(ctx context.Context, cfg *config.Config, log *zap.Logger, onStoreHung func(), r *Reloader, role *standby.Replica) (*App, error) {
	a := &App{cfg: cfg, log: log, role: role, onStoreHung: onStoreHung, started: time.Now(), happenings: happenings.New(), changing: make(chan struct{}, 1)}
	a.stopping, a.beginStop = context.WithCancel(context.Background())
	if r != nil {
		r.app, a.reloader = a, r.reload
	}
	for _, step := range []func(context.Context) error{a.startTraces, a.openStore, a.loadMade, a.makeLinks, a.makeRosters, a.openQueues, a.connect, a.keepRosters, a.keepSummary, a.listen} {
		if err := step(ctx); err != nil {
			a.Stop()
			return nil, err
		}
	}
	return a, nil
}

func (a *App) onStop(name string, do func(context.Context)) { a.undo = append(a.undo, undo{name, do}) }

// Stop ends everything in the reverse order, within the drain time.
func (a *App) Stop() {
	a.beginStop()
	a.changing <- struct{}{}
	defer a.endChange()
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Drain)
	defer cancel()
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.log.Debug("part stopping", zap.String("part", a.undo[i].name))
		a.undo[i].do(ctx)
	}
	a.undo = nil
}

// DrainTime is how long the stop may take.
func (a *App) DrainTime() time.Duration { return a.current.Load().cfg.Drain }

// config returns the configuration as it is now.
func (a *App) config() *config.Config { return a.current.Load().cfg }

// readiness returns a function that says why the process is not ready; nothing if it is.
// Reloads keep the components.
func (a *App) readiness() func(ctx context.Context) []string {
	components := a.cfg.Components
	return func(ctx context.Context) []string {
		var reasons []string
		for _, c := range components {
			if st := a.links[c.Domain].Status(); st.State != component.Up {
				reasons = append(reasons, fmt.Sprintf("component %s: %s", c.Domain, st.Reason))
			}
		}
		if !a.role.May() {
			reasons = append(reasons, "replica: nothing is heard from NATS, so another replica may have taken over; nothing is delivered until that is known")
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := a.store.Ready(ctx); err != nil {
			reasons = append(reasons, err.Error())
		}
		return reasons
	}
}
