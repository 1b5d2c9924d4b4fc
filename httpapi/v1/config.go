package v1

import (
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// Config is the configuration in force. It has no secrets.
type Config struct {
	File  string       `json:"file"`
	Items []ConfigItem `json:"items"`
}

// ConfigItem is one key of it, in the order of the reference.
type ConfigItem struct {
	Key    string `json:"key"`    // its path, as endpoints[1].timeout
	Value  any    `json:"value"`  // a bool, a number, a text or a list of texts
	Source string `json:"source"` // file, default, environment or api
	Line   *int   `json:"line"`   // in the file; null: it is not there
}

// configuration serves /v1/config.
type configuration func() Config

func (c configuration) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{e.route(http.MethodGet, "/v1/config", gateway.ScopeAdmin, without(c.show))}
}

func (c configuration) show(w http.ResponseWriter, _ *http.Request) error {
	if c == nil {
		return gateway.ErrNotFound
	}
	return answer(w, http.StatusOK, c())
}
