//go:build integration

package ejabberdapi

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/secret"
)

// startEjabberd starts ejabberd, that of EJABBERD_ROOT if that is set, and
// returns a backend for it.
func startEjabberd(t *testing.T) (*lab.Server, *Backend) {
	t.Helper()
	return start(t, lab.Options{
		Kind: lab.Ejabberd, API: true, Admin: "admin",
		Users: map[string]string{"admin": `p w"ë`, "alice": "a", "bob": "b"},
	})
}

func start(t *testing.T, o lab.Options) (*lab.Server, *Backend) {
	t.Helper()
	s := harness.StartServer(t, o)
	guard := outbound.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	return s, &Backend{
		URL: s.APIURL(), User: "admin@localhost", Password: secret.New(o.Users["admin"]),
		Client: outbound.NewClient(guard, outbound.ClientOptions{}), UserAgent: "test", Timeout: 10 * time.Second,
	}
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// expect compares what the server has with what it should have.
func expect(t *testing.T, ctx context.Context, b *Backend, owner jid.JID, items ...roster.Item) {
	t.Helper()
	want := roster.Roster{}
	for _, i := range items {
		want[i.JID] = i
	}
	have, err := b.Get(ctx, owner)
	if err != nil || !have.Equal(want) {
		t.Errorf("the server has %v, want %v, error %v", have, want, err)
	}
}

func TestReal(t *testing.T) {
	ctx := limited(t)
	s, b := startEjabberd(t)
	owner := jid.MustParse("alice@localhost")
	expect(t, ctx, b, owner)

	client := harness.Login(t, s, "alice")
	client.Send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
	pushed := func(part string) {
		t.Helper()
		client.Await("a push with "+part, func(r lab.Received) bool {
			return r.Kind == "iq" && r.Type == "set" && strings.Contains(r.Inner, part)
		})
	}

	all := []roster.Item{
		item("both@x.org", "Both", roster.Both, "one"),
		item("to@x.org", "", roster.To),
		item("from@x.org", "From", roster.From, "one", "two", "three words"),
		item("none@x.org", "None", roster.None),
		item("x.org", "A domain", roster.Both, "one"),
		item("zoë@exämple.org", `Zoë "&<>' 日本 😀`, roster.Both, `"&<>'`, "日本 😀", "ë,:|/"),
		item("bob@localhost", " spaces ", roster.Both, " in front and behind "),
	}
	for _, i := range all {
		if err := set(ctx, b, owner, i); err != nil {
			t.Errorf("%s: %v", i, err)
		}
	}
	expect(t, ctx, b, owner, all...)
	pushed("three words")

	all[0].Name = "renamed"
	all[1].Groups = []string{"a new one"}
	all[2].Groups = nil
	all[3].Subscription = roster.Both
	all[4].Subscription = roster.None
	all[5].Name = ""
	for _, i := range all {
		if err := set(ctx, b, owner, i); err != nil {
			t.Errorf("%s: %v", i, err)
		}
	}
	expect(t, ctx, b, owner, all...)
	pushed("renamed")

	for _, i := range all[:6] {
		if err := remove(ctx, b, owner, i.JID); err != nil {
			t.Errorf("remove %s: %v", i.JID, err)
		}
	}
	if err := remove(ctx, b, owner, jid.MustParse("never@x.org")); err != nil {
		t.Errorf("remove one who is not there: %v", err)
	}
	expect(t, ctx, b, owner, all[6])
	expect(t, ctx, b, jid.MustParse("bob@localhost")) // one side only

	semicolon := item("semi@x.org", "Semi", roster.Both, "a;b")
	if err := set(ctx, b, owner, semicolon); err == nil {
		expect(t, ctx, b, owner, all[6], semicolon)
	} else if expect(t, ctx, b, owner, all[6]); !strings.Contains(err.Error(), "semicolon") {
		t.Errorf("a group with a semicolon: %v", err)
	}
}

func TestRealErrors(t *testing.T) {
	ctx := limited(t)
	s, b := startEjabberd(t)
	contact := item("marie@x.org", "Marie", roster.Both)
	for _, stranger := range []string{"nobody@localhost", "alice@example.org"} {
		owner := jid.MustParse(stranger)
		if err := set(ctx, b, owner, contact); !errors.Is(err, roster.ErrNoSuchUser) {
			t.Errorf("%s: set: %v", owner, err)
		}
		if err := remove(ctx, b, owner, contact.JID); !errors.Is(err, roster.ErrNoSuchUser) {
			t.Errorf("%s: remove: %v", owner, err)
		}
		expect(t, ctx, b, owner)
	}

	owner := jid.MustParse("alice@localhost")
	refused := func(b *Backend, text string) {
		t.Helper()
		_, get := b.Get(ctx, owner)
		for _, err := range []error{get, set(ctx, b, owner, contact), remove(ctx, b, owner, contact.JID)} {
			if !errors.Is(err, roster.ErrForbidden) || !strings.Contains(err.Error(), text) {
				t.Errorf("error %v, want %q", err, text)
			}
		}
	}
	with := func(user, password string) *Backend {
		return &Backend{URL: b.URL, User: user, Password: secret.New(password), Client: b.Client, Timeout: b.Timeout}
	}
	refused(with("admin@localhost", "wrong"), "password of admin@localhost")
	refused(with("nobody@localhost", "a"), "password of nobody@localhost")
	refused(with("bob@localhost", "b"), "api_permissions")
	wrong := with("admin@localhost", b.Password.Reveal())
	wrong.URL = strings.TrimSuffix(b.URL, "api") + "other"
	if _, err := wrong.Get(ctx, owner); !errors.Is(err, roster.ErrCannot) {
		t.Errorf("another path: %v", err)
	}

	require.NoError(t, set(ctx, b, owner, contact))
	require.NoError(t, s.Stop(ctx))
	if _, err := b.Get(ctx, owner); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("stopped: %v", err)
	}
	if err := set(ctx, b, owner, contact); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("stopped: set: %v", err)
	}
	require.NoError(t, s.Restart(ctx))
	expect(t, ctx, b, owner, contact)
}
