package hooks_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// kept are the latest requests of a hook, the newest first: result, error and messages.
func kept(s *hooks.Statuses, name string) (all []string) {
	for _, r := range s.Requests(name) {
		line := fmt.Sprintf("%s %q %d", r.Result, r.Error, r.Count)
		for _, m := range r.Messages {
			line += fmt.Sprintf(" %s=%s%s", m.To, m.State, strings.Repeat("!", min(1, len(m.Error))))
		}
		all = append(all, line)
	}
	return all
}

// What became of the latest requests is kept, without what was posted. A request that is not
// authenticated is not kept: it would push out those that are.
func TestRequests(t *testing.T) {
	var happened []string
	signed := newSigned(t, func(h *hooks.Hook, r *hooks.Request) { happened = append(happened, h.Name+" "+string(r.Result)) })
	is := func(want ...string) {
		t.Helper()
		if got := kept(signed.statuses, "text"); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	is()
	signed.call("POST", "/hooks/text/wrong", "secret text")
	signed.call("POST", "/hooks/github/s3cret-github", "{}", "X-Hub-Signature-256: sha256=00", "X-GitHub-Event: ping")
	is()
	if got := kept(signed.statuses, "github"); len(got)+len(happened) != 0 {
		t.Errorf("a wrong signature: %q, %q", got, happened)
	}
	signed.call("POST", "/hooks/text/s3cret-text", "one", "Idempotency-Key: 1")
	signed.call("POST", "/hooks/text/s3cret-text", "one", "Idempotency-Key: 1")
	signed.call("POST", "/hooks/text/s3cret-text", "")
	signed.call("GET", "/hooks/text/s3cret-text", "")
	signed.net.Err = gateway.ErrFull
	signed.call("POST", "/hooks/text/s3cret-text", "two")
	signed.net.Err = nil
	_, full, _ := strings.Cut(signed.statuses.Get("text").LastError, ": ")
	is(fmt.Sprintf("failed %q 2 juliet@example.com=failed! romeo@example.com=failed!", full),
		`refused "this hook does not take GET; use POST, or write get: true" 0`,
		`empty "" 0`,
		`repeated "" 2 juliet@example.com=confirmed romeo@example.com=confirmed`,
		`sent "" 2 juliet@example.com=confirmed romeo@example.com=confirmed`)
	if got := strings.Join(happened, ", "); got != "text sent, text repeated, text empty, text refused, text failed" {
		t.Errorf("OnRequest: %s", got)
	}
	for i := range 60 {
		signed.call("POST", "/hooks/text/s3cret-text", fmt.Sprint("more ", i))
	}
	if all := signed.statuses.Requests("text"); len(all) != 50 || all[0].Time.Before(all[49].Time) || all[0].ID <= all[49].ID {
		t.Errorf("%d are kept", len(all))
	}
	if all := signed.statuses.Requests("nope"); all != nil {
		t.Errorf("of no hook: %v", all)
	}
}

// newSigned is a rig whose hooks have two recipients; that of GitHub is signed, too.
func newSigned(t *testing.T, onRequest func(*hooks.Hook, *hooks.Request)) *rig {
	t.Helper()
	verifier, err := hook.NewVerifier("github", []secret.String{secret.New("signing")}, "")
	require.NoError(t, err)
	g := newRig(t, nil)
	var all []*hooks.Hook
	for _, name := range []string{"text", "github"} {
		reader, err := hook.New(hook.Options{Adapter: name})
		require.NoError(t, err)
		h := &hooks.Hook{Name: name, Adapter: name, Reader: reader, Hashes: [][32]byte{sha256.Sum256([]byte("s3cret-" + name))}, From: jid.MustParse("alerts@bot.example.com"),
			To: []jid.JID{jid.MustParse("juliet@example.com"), jid.MustParse("romeo@example.com")}, MaxBody: 1 << 20}
		if name == "github" {
			h.Verify = verifier
		}
		all = append(all, h)
	}
	g.Handler = httpapi.New(httpapi.Options{}, hooks.New(hooks.Options{Hooks: all, Sender: g.net, Requests: g.requests, Statuses: g.statuses, OnRequest: onRequest})...)
	return g
}

// Many hooks share what is kept of all; each has as much as any other.
func TestRequestsAreShared(t *testing.T) {
	g := newRig(t, nil)
	reader, err := hook.New(hook.Options{Adapter: "text"})
	require.NoError(t, err)
	var all []*hooks.Hook
	for i := range 1000 {
		name := fmt.Sprint("h", i)
		all = append(all, &hooks.Hook{Name: name, Adapter: "text", Reader: reader, Hashes: [][32]byte{sha256.Sum256([]byte("s3cret-" + name))}, From: jid.MustParse("alerts@bot.example.com"),
			To: []jid.JID{jid.MustParse("juliet@example.com")}, MaxBody: 1 << 20})
	}
	g.Handler = httpapi.New(httpapi.Options{}, hooks.New(hooks.Options{Hooks: all, Sender: g.net, Statuses: g.statuses})...)
	for range 20 {
		for _, name := range []string{"h0", "h1"} {
			g.answers(name, http.StatusAccepted, "POST", "/hooks/"+name+"/s3cret-"+name, "x")
		}
	}
	if a, b := len(g.statuses.Requests("h0")), len(g.statuses.Requests("h1")); a != 5 || b != 5 {
		t.Errorf("%d and %d are kept of two of 1000 hooks", a, b)
	}
}

// Of a request with many messages the first are kept; a long error is cut.
func TestLargeRequests(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		for i := range 30 {
			h.To = append(h.To, jid.MustParse(fmt.Sprintf("u%d@example.com", i)))
		}
	})
	g.call("POST", "/hooks/text/s3cret-text", "x")
	if all := g.statuses.Requests("text"); len(all) != 1 || all[0].Count != 31 || len(all[0].Messages) != 10 {
		t.Errorf("%+v", all)
	}
	g.net.Err = fmt.Errorf("%w: %s", gateway.ErrDown, strings.Repeat("é", 1000))
	g.call("POST", "/hooks/text/s3cret-text", "x")
	for _, m := range append(g.statuses.Requests("text")[0].Messages, hooks.Message{Error: g.statuses.Requests("text")[0].Error}) {
		if len(m.Error) > 260 {
			t.Errorf("%d bytes", len(m.Error))
		}
	}
}
