package app

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// What an active replica returns at its end is waited for until the server has it, or the connection is lost.
func TestFlushWhileItLives(t *testing.T) {
	domain, err := jid.Parse("bot.example.com")
	require.NoError(t, err)
	user, err := jid.Parse("alice@example.com")
	require.NoError(t, err)
	const sent = 500
	for name, lives := range map[string]bool{"slow": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			srv := componenttest.NewServer(t, domain.String(), "secret")
			l := srv.Connect(component.Options{Addr: srv.Addr(), Domain: domain, Secret: secret.New("secret")})
			l.Stay()
			var taken atomic.Int64
			srv.Answer(func(s *stanza.Stanza) string {
				time.Sleep(time.Millisecond)
				if taken.Add(1) == sent/2 && !lives {
					srv.Drop()
				}
				return ""
			})
			for i := range sent {
				s, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: "error", ID: fmt.Sprint(i), From: domain, To: user}, "", stanza.Limits{})
				require.NoError(t, err)
				require.NoError(t, l.Send(s, nil))
			}
			flush(t.Context(), l)
			if left := l.Load().Unconfirmed; (left == 0) != lives {
				t.Errorf("%d stanzas are not confirmed, and the server had %d", left, taken.Load())
			} else if n := l.Unreturned(); n != left {
				t.Errorf("%d errors are not returned, and %d not confirmed", n, left)
			}
		})
	}
}
