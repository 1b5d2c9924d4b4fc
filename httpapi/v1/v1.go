package v1

import (
	"context"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
	"stanzahook/pkg/tail"
	"stanzahook/pkg/upload"
)

// Options are what the API works with.
type Options struct {
	Deliveries Deliveries
	Endpoints  Endpoints
	Events     Events
	Heartbeat  time.Duration  // of event streams; default 15 s
	Sender     gateway.Sender // nil: nothing can be sent
	// Sent returns what became of a message of a caller; of any caller if that is
	// empty. Error: gateway.ErrNotFound.
	Sent       func(ctx context.Context, id, caller string) (store.SentMessage, error)
	News       func() <-chan struct{} // closed when a message of Sent has another state; nil: nobody waits for one
	Recent     *message.Recent        // what quotes are made of; nil: nothing is remembered
	Tail       *tail.Tail             // nil: there is no /v1/tail
	Summary    Summary                // nil: there is no /v1/summary
	Listeners  Listeners              // nil: nobody can listen
	Hooks      Hooks                  // nil: there is no /v1/hooks
	Rosters    Rosters                // nil: none are configured
	Rooms      Rooms                  // nil: there is no /v1/rooms
	Bots       Bots                   // nil: there is no /v1/bots
	Commands   Commands               // nil: there is no /v1/commands
	Uploads    *upload.Uploads        // nil: there is no /v1/files
	Requests   Requests               // nil: an Idempotency-Key is ignored
	InProgress *InProgress            // the requests in progress with such a key; nil: its own
	Reload     Reload                 // nil: the configuration cannot be reloaded
	Status     func(context.Context) (Status, error)
	Check      func(context.Context, CheckFor) []Check // nil: nothing can be checked
	Config     func() Config                           // the configuration in force
	// How long an IQ may wait: by default (120 s), and at most (300 s).
	IQTimeout, IQMaxTimeout time.Duration
	Now                     func() time.Time // nil: time.Now
	Log                     *zap.Logger      // nil: none
}

// New returns the API, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.IQTimeout == 0 {
		o.IQTimeout = 120 * time.Second
	}
	if o.IQMaxTimeout == 0 {
		o.IQMaxTimeout = 300 * time.Second
	}
	if o.InProgress == nil {
		o.InProgress = new(InProgress)
	}
	if o.Recent == nil {
		o.Recent = message.NewRecent(0)
	}
	if o.News == nil {
		o.News = func() <-chan struct{} { return nil }
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = defaultHeartbeat
	}
	e := errorLog{o.Log}
	var routes []httpapi.Route
	// The router tries one after the other: where most requests go is first.
	if o.Sender != nil {
		keys := idempotent{o.Requests, o.InProgress, o.Log}
		routes = slices.Concat(
			messages{o.Sender, o.Sent, o.News, o.Recent, clock(o.Now), o.Rooms, o.Uploads, keys, e}.routes(e),
			queries{o.Sender, keys, e, o.IQTimeout, o.IQMaxTimeout}.routes(e))
	}
	routes = slices.Concat(routes,
		deliveries{o.Deliveries, clock(o.Now)}.routes(e),
		deadLetters{o.Deliveries, clock(o.Now)}.routes(e),
		newEndpoints(o.Endpoints).routes(e),
		events{o.Events, o.Heartbeat, e}.routes(e),
		rosters{o.Rosters}.routes(e),
		process{o.Reload, o.Status, o.Check}.routes(e),
		configuration(o.Config).routes(e),
	)
	if o.Tail != nil {
		routes = append(routes, tailing{o.Tail, o.Heartbeat}.routes(e)...)
	}
	if o.Summary != nil {
		routes = append(routes, o.Summary.routes(e)...)
	}
	if o.Hooks != nil {
		routes = append(routes, newHooks(o.Hooks, o.Sent).routes(e)...)
	}
	if o.Listeners != nil {
		routes = append(routes, listening{o.Listeners}.routes(e)...)
	}
	if o.Uploads != nil && o.Sender != nil {
		routes = append(routes, files{o.Uploads, o.Sender.Domains, e}.routes(e)...)
	}
	if o.Bots != nil {
		routes = append(routes, bots{o.Bots, clock(o.Now)}.routes(e)...)
	}
	if o.Commands != nil {
		routes = append(routes, newCommands(o.Commands).routes(e)...)
	}
	if o.Rooms != nil && o.Sender != nil {
		routes = append(routes, rooms{o.Rooms, o.Sender.Domains, clock(o.Now)}.routes(e)...)
	}
	return httpapi.Mount{Prefix: "/v1", Challenge: true, Routes: routes}
}

// handler serves a request. Its error is answered as a problem.
type handler func(http.ResponseWriter, *http.Request) error

// errorLog logs the errors that are ours.
type errorLog struct{ *zap.Logger }

// route is an operation for callers with a scope; for all if it is empty.
func (e errorLog) route(method, path, scope string, serve handler) httpapi.Route {
	return httpapi.Route{Method: method, Path: path, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if scope != "" && !httpapi.IdentityOf(r.Context()).Can(scope) {
			httpapi.WriteProblem(w, r, httpapi.Lacks(scope))
			return
		}
		if err := serve(w, r); err != nil {
			httpapi.WriteProblem(w, r, e.fault(r, err))
		}
	})}
}
