//go:build integration

package component_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/zap/zaptest"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// The ports of clients are none of components, and the domain is not to blame.
func TestRealClientPort(t *testing.T) {
	onServers(t, func(t *testing.T, ctx context.Context, s *lab.Server) {
		l := component.New(component.Options{Domain: jid.MustParse(realDomain), Addr: s.ClientAddr(), Secret: secret.New("secret"), Log: zaptest.NewLogger(t)})
		componenttest.Run(t, l)
		componenttest.Eventually(t, "a reason", func() bool {
			return strings.Contains(l.Status().Reason, s.ClientAddr()+" is not the component port of the server (")
		})
		if reason := l.Status().Reason; !strings.Contains(reason, "the one for clients") || !strings.Contains(reason, "usually port 5347") {
			t.Error(reason)
		}
	})
}

// Two programs of the same name on a Prosody that is set to kick_old take the name from
// each other; the advice is not to set it.
func TestRealKickOld(t *testing.T) {
	s := harness.StartServer(t, lab.Options{Kind: lab.Prosody, Components: []lab.Component{{Domain: realDomain, Secret: "secret"}}, Edit: func(config []byte) ([]byte, error) {
		return append([]byte("component_conflict_resolve = \"kick_old\"\n"), config...), nil
	}})
	first := realLink(t, s)
	second := component.New(component.Options{Domain: jid.MustParse(realDomain), Addr: s.ComponentAddr(), Secret: secret.New("secret"), Log: zaptest.NewLogger(t)})
	componenttest.Run(t, second)
	componenttest.Eventually(t, "the first is thrown out", func() bool { return first.Status().State == component.Down })
	if reason := first.Status().Reason; !strings.Contains(reason, "somebody else has connected as "+realDomain) || !strings.Contains(reason, "stop it") || strings.Contains(reason, "helps") {
		t.Error(reason)
	}
	componenttest.Eventually(t, "the second is connected", func() bool { return second.Status().State == component.Up })
}
