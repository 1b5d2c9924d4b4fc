package v1

import (
	"net/http"
	"time"

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

// Commands are those of the configuration, and of the API.
type Commands interface {
	Made[Command]
	// Runs returns the latest runs, the newest first.
	Runs(node string) ([]CommandRun, error)
}

// commands serves /v1/commands.
type commands struct {
	made[Command]
	all Commands
}

func newCommands(all Commands) commands {
	return commands{made[Command]{of: all, word: "command", path: "/v1/commands", key: "node", none: "no command has the node %q; GET /v1/commands lists them"}, all}
}

func (p commands) routes(e errorLog) []httpapi.Route {
	return append(p.made.routes(e), e.route(http.MethodGet, "/v1/commands/{node}/runs", gateway.ScopeAdmin, without(p.runs)))
}

func (p commands) runs(w http.ResponseWriter, r *http.Request) error {
	all, err := p.all.Runs(p.name(r))
	if err != nil {
		return p.missing(r, err)
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}
