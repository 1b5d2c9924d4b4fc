package hooks

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Hook is one address for a tool.
type Hook struct {
	Name    string
	Adapter string
	Hashes  [][32]byte     // of its secrets, SHA-256; none: only the signature counts
	Verify  *hook.Verifier // nil: requests are not signed
	Reader  *hook.Hook
	From    jid.JID
	To      []jid.JID
	Targets map[string]jid.JID // by name, for requests that name one
	Rooms   []jid.JID          // of To and Targets, those that are rooms whatever their service says
	Get     bool               // GET is taken
	MaxBody int64
	Rate    httpapi.RateLimit
}

// Requests stores what was done already; see v1.Requests.
type Requests interface {
	Begin(ctx context.Context, key string, r store.IdempotentRequest) (stored store.IdempotentRequest, created bool, err error)
	End(ctx context.Context, key string, r store.IdempotentRequest) error
}

// Rooms knows rooms, and brings messages into them.
type Rooms interface {
	// IsRoom reports whether a recipient of a bot is a room; known is false if that cannot be
	// said now.
	IsRoom(ctx context.Context, to, bot jid.JID) (room, known bool)
	// Send sends a message of type groupchat: at once if the bot is in the room, else when it
	// has joined. If it is not certain that the recipient is a room, and it turns out to be
	// none, the message is a chat. Errors: those of gateway.Sender.
	Send(ctx context.Context, hook string, s *stanza.Stanza, certain bool, how gateway.Sending) (gateway.State, error)
}

// Options are what the routes work with.
type Options struct {
	Hooks    []*Hook
	Sender   gateway.Sender
	Rooms    Rooms     // nil: Sender gets what is for rooms too
	Requests Requests  // nil: a delivery that comes again is sent again
	Threads  *Threads  // kept over reloads; nil: each text is a message of its own
	Statuses *Statuses // kept over reloads; nil: its own
	// OnRequest, which may be nil, is called with what became of each authenticated request.
	// It must not block, nor change or keep the request.
	OnRequest func(*Hook, *Request)
	Log       *zap.Logger
}

// handler serves the hooks of one configuration.
type handler struct {
	Options
	byName   map[string]*known
	bySecret map[[32]byte]*known
	unknown  *known // stands for hooks that are not there, so that they take as long
	maxBody  int64  // the largest of all hooks
	stranger *httpapi.Stranger
	repeats  *loglimit.Limiter
}

// known is a hook with what belongs to it.
type known struct {
	*Hook
	limit  *rate.Limiter // nil: none
	status *status
}

// New returns the routes. Nothing is under them without hooks.
func New(o Options) []httpapi.Mount {
	if o.Statuses == nil {
		o.Statuses = new(Statuses)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	h := &handler{Options: o, byName: make(map[string]*known), bySecret: make(map[[32]byte]*known), repeats: new(loglimit.Limiter), stranger: stranger()}
	h.unknown = &known{Hook: &Hook{Hashes: [][32]byte{sha256.Sum256([]byte(time.Now().String()))}}}
	for _, one := range o.Hooks {
		k := &known{Hook: one, status: o.Statuses.of(one)}
		if one.Rate.PerSecond > 0 {
			k.limit = rate.NewLimiter(rate.Limit(one.Rate.PerSecond), max(one.Rate.Burst, one.Rate.PerSecond))
		}
		h.byName[one.Name] = k
		h.maxBody = max(h.maxBody, one.MaxBody)
		for _, hash := range one.Hashes {
			h.bySecret[hash] = k
		}
	}
	o.Statuses.keep(o.Hooks)
	own, services := h.routes()
	api := func(method string, serve http.Handler) httpapi.Mount {
		path := "/api/" + method
		return h.mount(path, serve, h.byToken(path), httpapi.Route{Method: http.MethodPost, Path: path, Handler: serve})
	}
	serve := http.HandlerFunc(h.serve)
	return []httpapi.Mount{
		h.mount("/hooks", serve, h.byPath, own...),
		h.mount("/services", serve, h.byLastElement, services...),
		api("chat.postMessage", h.slackAPI(slackCall{})),
		api("chat.update", h.slackAPI(slackCall{update: true})),
		api("auth.test", http.HandlerFunc(h.authTest)),
	}
}

// The templates of paths, for the access log and the document of the API.
const (
	hookRoute     = "/hooks/{name}"
	hookRest      = "/{rest:.*}"
	servicesRoute = "/services/{rest:.+}"
)

// routes are the operations under /hooks and /services.
func (h *handler) routes() (own, services []httpapi.Route) {
	serve := http.HandlerFunc(h.serve)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodGet} {
		own = append(own, httpapi.Route{Method: method, Path: hookRoute, Handler: serve}, httpapi.Route{Method: method, Path: hookRoute + hookRest, Handler: serve})
	}
	return own, []httpapi.Route{{Method: http.MethodPost, Path: servicesRoute, Handler: serve}}
}

func (h *handler) mount(prefix string, serve http.Handler, find func(*http.Request, string) found, routes ...httpapi.Route) httpapi.Mount {
	return httpapi.Mount{Prefix: prefix, Routes: routes, Admit: h.admit(prefix, serve, find), Stranger: h.stranger, Refused: h.refused}
}
