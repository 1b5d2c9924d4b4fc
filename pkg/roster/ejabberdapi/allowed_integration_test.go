//go:build integration

package ejabberdapi

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
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
			_, b := start(t, o)
			err := b.Allowed(ctx, "localhost")
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
