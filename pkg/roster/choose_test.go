package roster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// ejabberd is a server whose IQs keep subscriptions, and an API that sets them.
func ejabberd(t *testing.T, with23 bool, api bool) *rig {
	r := newRig(t, nil)
	r.server.twist = func(old, item roster.Item) roster.Item {
		if item.Subscription = old.Subscription; item.Subscription == "" {
			item.Subscription = roster.None
		}
		return item
	}
	if with23 {
		r.server.fail = func(what string, _, _ jid.JID) error {
			if what == "get" {
				return nil
			}
			return fmt.Errorf("%w: internal-server-error", roster.ErrCannot)
		}
	}
	if api {
		a := newServer("ejabberd-api")
		a.rosters = r.server.rosters
		r.ways.API = a
	}
	return r
}

// Where the privilege does not do it, the API is tried, at once and from then on.
func TestLearns(t *testing.T) {
	for _, tc := range []struct {
		name    string
		with23  bool
		tried   string
		results []string
	}{
		{"subscriptions stay", false, `set marie@example.com ("", groups [], subscription both)`, []string{"applied: 1 added", "applied: 1 added"}},
		{"sets fail", true, `set marie@example.com ("", groups [], subscription both)`, []string{"applied: 1 added", "applied: 1 added"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := ejabberd(t, tc.with23, true)
			r.app.says("john", `{"marie@example.com": {}}`)
			want(t, "first", r.refresh(t), tc.results[0])
			want(t, "first", r.server.taken(), tc.tried)
			r.app.says("john", `{"marie@example.com": {}, "zoe@example.com": {}}`)
			want(t, "second", r.refresh(t), tc.results[1])
			want(t, "second", r.server.taken(), "")
			want(t, "in the end", shown(r.server.rosters[john]), "marie@example.com (\"\", groups [], subscription both)\nzoe@example.com (\"\", groups [], subscription both)")
		})
	}
}

// Without the API the result is degraded, and nothing is pushed for nothing.
func TestDegraded(t *testing.T) {
	r := ejabberd(t, false, false)
	r.app.says("john", `{"marie@example.com": {"name": "Marie"}}`)
	want(t, "first", r.refresh(t), "degraded: 1 added; the server has kept other subscriptions: marie@example.com none instead of both")
	r.server.taken()
	want(t, "again", r.refresh(t), "degraded: nothing could be changed; the server has kept other subscriptions: marie@example.com none instead of both")
	want(t, "again", r.server.taken(), "")
	r.app.says("john", `{"marie@example.com": {"name": "Mary"}}`)
	want(t, "renamed", r.refresh(t), "degraded: 1 renamed; the server has kept other subscriptions: marie@example.com none instead of both")
	r.server.put(john, item("marie@example.com", "Mary", roster.Both))
	want(t, "they have subscribed", r.refresh(t), "unchanged")
}

func TestCannot(t *testing.T) {
	r := ejabberd(t, true, false)
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "first", r.refresh(t), "forbidden: none of 1 changes was made (1 added); marie@example.com: the server cannot do this: internal-server-error")
}

// One roster that was changed by somebody else does not speak against a server
// that has set subscriptions before.
func TestOneOddRoster(t *testing.T) {
	r := newRig(t, nil)
	a := newServer("ejabberd-api")
	r.ways.API = a
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "works", r.refresh(t), "applied: 1 added")
	r.server.twist = func(_, item roster.Item) roster.Item { item.Subscription = roster.From; return item }
	r.app.says("john", `{"marie@example.com": {}, "zoe@example.com": {}}`)
	want(t, "odd", r.refresh(t), "degraded: 1 added; the server has kept other subscriptions: zoe@example.com from instead of both")
	r.server.twist = nil
	want(t, "works", r.refresh(t), "applied: 1 with another subscription")
	want(t, "the API is left alone", a.taken(), "")
}

func TestChoose(t *testing.T) {
	privilege, api, remote := newServer("privilege"), newServer("ejabberd-api"), newServer("remote-roster")
	no := newServer("remote-roster")
	no.fail = func(string, jid.JID, jid.JID) error { return roster.ErrForbidden }
	silent := newServer("remote-roster")
	silent.fail = func(string, jid.JID, jid.JID) error { return roster.ErrTimeout }
	up := func(r string) roster.Grants { return roster.Grants{Connected: true, Roster: r} }
	for _, tc := range []struct {
		name   string
		ways   *roster.Backends
		grants roster.Grants
		want   string
		err    error
	}{
		{"auto, granted", &roster.Backends{Privilege: privilege, RemoteItems: remote}, up("both"), "privilege", nil},
		{"auto, granted, API", &roster.Backends{Privilege: privilege, RemoteItems: remote, API: api}, up("both"), "privilege", nil},
		{"auto, half granted", &roster.Backends{Privilege: privilege, RemoteItems: remote}, up("get"), "privilege", nil},
		{"auto, half granted, API", &roster.Backends{Privilege: privilege, RemoteItems: remote, API: api}, up("get"), "ejabberd-api", nil},
		{"auto, nothing granted", &roster.Backends{Privilege: privilege, RemoteItems: no}, up(""), "", roster.ErrForbidden},
		{"auto, nothing granted, silence", &roster.Backends{Privilege: privilege, RemoteItems: silent}, up(""), "", roster.ErrForbidden},
		{"auto, nothing granted, API", &roster.Backends{Privilege: privilege, RemoteItems: no, API: api}, up(""), "ejabberd-api", nil},
		{"auto, XEP-0321", &roster.Backends{Privilege: privilege, RemoteItems: remote}, up(""), "remote-roster", nil},
		{"auto, down", &roster.Backends{Privilege: privilege, RemoteItems: remote}, roster.Grants{}, "", gateway.ErrDown},
		{"auto, down, API", &roster.Backends{Privilege: privilege, RemoteItems: remote, API: api}, roster.Grants{}, "ejabberd-api", nil},
		{"privilege", &roster.Backends{Privilege: privilege}, up("both"), "privilege", nil},
		{"privilege, not granted", &roster.Backends{Privilege: privilege}, up(""), "", roster.ErrForbidden},
		{"privilege, down", &roster.Backends{Privilege: privilege}, roster.Grants{}, "", gateway.ErrDown},
		{"remote-roster", &roster.Backends{RemoteItems: remote}, up(""), "remote-roster", nil},
		{"remote-roster, down", &roster.Backends{RemoteItems: remote}, roster.Grants{}, "", gateway.ErrDown},
		{"ejabberd-api, down", &roster.Backends{API: api}, roster.Grants{}, "ejabberd-api", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			tc.ways.Log, tc.ways.Host = r.Log, "example.com"
			tc.ways.Grants = func(context.Context) roster.Grants { return tc.grants }
			for range 2 {
				c, err := tc.ways.Choose(t.Context(), john)
				if !errors.Is(err, tc.err) || err == nil && c.Name() != tc.want {
					t.Fatalf("%v, %v", c.Backend, err)
				}
			}
		})
	}
	if no.reads != 1 || silent.reads != 1 {
		t.Errorf("XEP-0321 was tried %d times, and %d without an answer", no.reads, silent.reads)
	}
}

// What was learnt is of one connection: another server may be behind the next.
func TestForgets(t *testing.T) {
	r := ejabberd(t, true, true)
	connection := int64(1)
	r.ways.Grants = func(context.Context) roster.Grants {
		return roster.Grants{Connected: true, Connection: connection, Roster: "both"}
	}
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "learns", r.refresh(t), "applied: 1 added")
	r.server.fail, r.server.twist = nil, nil
	r.server.taken()
	connection++
	r.app.says("john", `{}`)
	want(t, "with another", r.refresh(t), "applied: 1 removed")
	want(t, "with another", r.server.taken(), "remove marie@example.com")
}

// XEP-0321 reaches the component's own contacts only.
func TestBeyond(t *testing.T) {
	r := newRig(t, nil)
	r.server.reach = func(contact jid.JID) bool { return contact.Domain() == "bot.example.com" }
	r.app.says("john", `{"echo@bot.example.com": {}, "marie@example.com": {}}`)
	want(t, "half", r.refresh(t), "degraded: 1 added; the backend privilege cannot hold these contacts: marie@example.com")
	want(t, "again", r.refresh(t), "degraded: nothing could be changed; the backend privilege cannot hold these contacts: marie@example.com")
	changes, err := r.Preview(t.Context(), john)
	if err != nil || changes.Len() != 0 {
		t.Errorf("%v, %v", changes, err)
	}
}
