//go:build integration

package ejabberdapi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/secret"
)

// A permission that is not there is noticed, and nothing is changed by that. On one
// server there is an account for each command, which may use all but that.
func TestRealAllowed(t *testing.T) {
	ctx := limited(t)
	o := lab.Options{Kind: lab.Ejabberd, API: true, Admin: "admin", Users: map[string]string{"admin": "a", "alice": "a"}}
	acl, permissions := map[string]any{}, map[string]any{}
	for _, missing := range Commands() {
		name := "without-" + missing
		o.Users[name] = "w"
		acl[name] = map[string]any{"user": []string{name + "@localhost"}}
		others := slices.DeleteFunc(Commands(), func(c string) bool { return c == missing })
		permissions[name] = map[string]any{"from": []string{"mod_http_api"}, "who": []any{map[string]any{"acl": name}}, "what": others}
	}
	o.Edit = func(config []byte) ([]byte, error) {
		return harness.AddYAML(config, map[string]any{"acl": acl, "api_permissions": permissions})
	}
	_, b := start(t, o)
	for _, missing := range Commands() {
		b := &Backend{URL: b.URL, User: "without-" + missing + "@localhost", Password: secret.New("w"), Client: b.Client, Timeout: b.Timeout}
		if err := b.Allowed(ctx, "localhost"); !errors.Is(err, roster.ErrForbidden) || !strings.Contains(err.Error(), "may not use "+missing) {
			t.Errorf("instead of a refusal of %s: %v", missing, err)
		}
	}
	if err := b.Allowed(ctx, "localhost"); err != nil {
		t.Error(err)
	}
	expect(t, ctx, b, jid.MustParse("alice@localhost"))
}
