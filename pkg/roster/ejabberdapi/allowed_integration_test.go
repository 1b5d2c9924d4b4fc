//go:build integration

package ejabberdapi

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/secret"
)

// A permission that is not there is noticed, and nothing is changed by that.
func TestRealAllowed(t *testing.T) {
	for _, missing := range append(Commands(), "") {
		t.Run("without "+missing, func(t *testing.T) {
			ctx := limited(t)
			o := lab.Options{Kind: lab.Ejabberd, API: true, Admin: "admin", Users: map[string]string{"admin": "a", "alice": "a"}}
			o.Edit = func(config []byte) ([]byte, error) {
				return bytes.Replace(config, []byte("      - "+missing+"\n"), nil, 1), nil
			}
			s, err := lab.Start(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			guard := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
			b := &Backend{URL: s.APIURL(), User: "admin@localhost", Password: secret.New("a"), Client: outbound.NewClient(guard, outbound.ClientOptions{}), UserAgent: "test", Timeout: 10 * time.Second}
			err = b.Allowed(ctx, "localhost")
			if missing == "" {
				if err != nil {
					t.Error(err)
				}
				expect(t, ctx, b, jid.MustParse("alice@localhost"))
				return
			}
			if !errors.Is(err, roster.ErrForbidden) || !strings.Contains(err.Error(), "may not use "+missing) {
				t.Errorf("instead of a refusal: %v", err)
			}
		})
	}
}
