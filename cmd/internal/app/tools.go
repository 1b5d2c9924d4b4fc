package app

import (
	"stanzahook/httpapi"
	"stanzahook/httpapi/tools"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
)

// tools returns what agents can do by an API.
func (a *App) tools(api httpapi.Mount, targets *endpoints, domains []jid.JID) *tools.Runner {
	return tools.NewRunner(tools.Options{
		API: api, Events: events{targets.workers}, Log: a.log,
		Domains: func() []jid.JID { return domains },
		IsIn:    roomService{a.rooms}.IsIn,
		Expect: func(endpoint string, from, to jid.JID) (*delivery.Expectation, error) {
			p, err := targets.workers.Puller(endpoint)
			if err != nil {
				return nil, err
			}
			return p.Expect(from, to)
		},
	})
}
