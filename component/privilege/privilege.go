// Package privilege takes what servers tell privileged components: grants
// (XEP-0356) and delegations (XEP-0355). None of them is used, so they are
// taken and dropped: they are between the server and the component, and whoever
// else sends one must not reach an endpoint with it.
package privilege

import (
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
)

// Ignore is the handler of advertisements.
type Ignore struct{ Log *zap.Logger }

// Handle implements component.Handler.
func (i Ignore) Handle(in *component.Incoming) bool {
	if in.Kind != stanza.Message || !in.ClaimsPrivilege() {
		return false
	}
	i.Log.Debug("a privilege advertisement was ignored", zap.Stringer("from", in.From))
	return true
}
