package app

import (
	"stanzahook/cmd/internal/api"
	"stanzahook/httpapi"
	"stanzahook/httpapi/tools"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
)

// tools returns what agents can do by an API.
func (a *App) tools(v1 httpapi.Mount, targets *api.Endpoints, domains []jid.JID) *tools.Runner {
	return tools.NewRunner(tools.Options{
		API: v1, Events: api.Events{Workers: targets.Workers}, Log: a.log,
		Domains: func() []jid.JID { return domains },
		IsIn:    a.rooms.IsIn,
		Expect: func(endpoint string, from, to jid.JID) (*delivery.Expectation, error) {
			p, err := targets.Workers.Puller(endpoint)
			if err != nil {
				return nil, err
			}
			return p.Expect(from, to)
		},
	})
}
