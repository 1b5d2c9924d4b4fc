package v1

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Command is a command of bots.
type Command struct {
	Node      string     `json:"node"`
	Name      string     `json:"name"`
	Bots      []string   `json:"bots"`
	Allow     []string   `json:"allow"`
	Endpoint  string     `json:"endpoint"` // empty: it has a url
	Chat      string     `json:"chat"`
	Source    string     `json:"source"` // config or api
	Count     int64      `json:"count"`  // of steps that the webhook was asked about, since the start of the process
	Failed    int64      `json:"failed"`
	LastTime  *time.Time `json:"last_time"`
	LastError *HookError `json:"last_error"`
	// Keys are those of a command of the API, as they were put.
	Keys map[string]any `json:"keys,omitempty"`
}

// CommandRun is a step that a webhook was asked about.
type CommandRun struct {
	Time         time.Time `json:"time"`
	From         jid.JID   `json:"from"`
	Bot          jid.JID   `json:"bot"`
	Room         *jid.JID  `json:"room"`
	By           string    `json:"by"` // client or chat
	Session      string    `json:"session"`
	Step         int       `json:"step"`
	Result       string    `json:"result"`
	Error        string    `json:"error"`
	Milliseconds int64     `json:"milliseconds"`
}

// Commands are those of the configuration, and of the API. Errors: gateway.ErrNotFound,
// gateway.ErrConflict, gateway.ErrFull.
type Commands interface {
	List() []Command
	Get(node string) (Command, error)
	// Put makes a command of a JSON object, or replaces one, and reports whether it is new. It
	// fails as a whole, with a [*WrongEndpoint] for mistakes.
	Put(ctx context.Context, node string, keys []byte) (c Command, fresh bool, err error)
	Delete(ctx context.Context, node string) error
	// Runs returns the latest runs, the newest first.
	Runs(node string) ([]CommandRun, error)
}

// commands serves /v1/commands.
type commands struct{ all Commands }

func (p commands) routes(e errorLog) []httpapi.Route {
	const one = "/v1/commands/{node}"
	return []httpapi.Route{
		e.route(http.MethodGet, "/v1/commands", gateway.ScopeAdmin, without(p.list)),
		e.route(http.MethodGet, one, gateway.ScopeAdmin, without(p.show)),
		e.route(http.MethodPut, one, gateway.ScopeAdmin, without(p.put)),
		e.route(http.MethodDelete, one, gateway.ScopeAdmin, without(empty(p.remove))),
		e.route(http.MethodGet, one+"/runs", gateway.ScopeAdmin, without(p.runs)),
	}
}

func (p commands) list(w http.ResponseWriter, _ *http.Request) error {
	all := p.all.List()
	for i := range all {
		all[i].Keys = nil
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}

// ofCommand names the command that was not found.
func ofCommand(node string, err error) error {
	return notFound(err, "no command has the node %q; GET /v1/commands lists them", node)
}

func (p commands) show(w http.ResponseWriter, r *http.Request) error {
	node := mux.Vars(r)["node"]
	c, err := p.all.Get(node)
	if err != nil {
		return ofCommand(node, err)
	}
	return answer(w, http.StatusOK, c)
}

func (p commands) put(w http.ResponseWriter, r *http.Request) error {
	node := mux.Vars(r)["node"]
	keys, err := keysOf(w, r, "command")
	if err != nil {
		return err
	}
	c, fresh, err := p.all.Put(r.Context(), node, keys)
	return answerPut(w, c, fresh, err)
}

func (p commands) remove(w http.ResponseWriter, r *http.Request) error {
	node := mux.Vars(r)["node"]
	return answerNone(w, ofCommand(node, p.all.Delete(r.Context(), node)))
}

func (p commands) runs(w http.ResponseWriter, r *http.Request) error {
	node := mux.Vars(r)["node"]
	all, err := p.all.Runs(node)
	if err != nil {
		return ofCommand(node, err)
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}
