package roster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// ejabberd is a server whose IQs keep subscriptions, and an API that sets them.
func ejabberd(t *testing.T, with23 bool, api bool) *rig {
	r := newRig(t, nil)
	r.server.Twist = func(_ jid.JID, old, item roster.Item) roster.Item {
		if item.Subscription = old.Subscription; item.Subscription == "" {
			item.Subscription = roster.None
		}
		return item
	}
	if with23 {
		r.server.Fail = func(what string, _, _ jid.JID) error {
			if what == "get" {
				return nil
			}
			return fmt.Errorf("%w: internal-server-error", roster.ErrCannot)
		}
	}
	if api {
		a := rostertest.NewServer("ejabberd-api")
		a.Has = r.server.Has
		r.backends.API = a
	}
	return r
}

// Where the privilege does not do it, the API is tried, at once and from then on.
func TestObserves(t *testing.T) {
	for name, with23 := range map[string]bool{"subscriptions stay": false, "sets fail": true} {
		t.Run(name, func(t *testing.T) {
			r := ejabberd(t, with23, true)
			r.app.says("john", `{"marie@example.com": {}}`)
			want(t, "first", r.refresh(t), "applied: 1 added")
			want(t, "first", r.server.Changes(), `set marie@example.com ("", groups [], subscription both)`)
			r.app.says("john", `{"marie@example.com": {}, "zoe@example.com": {}}`)
			want(t, "second", r.refresh(t), "applied: 1 added")
			want(t, "second", r.server.Changes(), "")
			want(t, "in the end", shown(r.server.Has[john]), "marie@example.com (\"\", groups [], subscription both)\nzoe@example.com (\"\", groups [], subscription both)")
		})
	}
}

// Without the API the result is degraded, and nothing is pushed for nothing.
func TestDegraded(t *testing.T) {
	r := ejabberd(t, false, false)
	r.app.says("john", `{"marie@example.com": {"name": "Marie"}}`)
	want(t, "first", r.refresh(t), "degraded: 1 added; the server has kept other subscriptions: marie@example.com none instead of both")
	r.server.Changes()
	want(t, "again", r.refresh(t), "degraded: nothing could be changed; the server has kept other subscriptions: marie@example.com none instead of both")
	want(t, "again", r.server.Changes(), "")
	r.app.says("john", `{"marie@example.com": {"name": "Mary"}}`)
	want(t, "renamed", r.refresh(t), "degraded: 1 renamed; the server has kept other subscriptions: marie@example.com none instead of both")
	r.server.Put(john, item("marie@example.com", "Mary", roster.Both))
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
	a := rostertest.NewServer("ejabberd-api")
	r.backends.API = a
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "works", r.refresh(t), "applied: 1 added")
	r.server.Twist = func(_ jid.JID, _, item roster.Item) roster.Item { item.Subscription = roster.From; return item }
	r.app.says("john", `{"marie@example.com": {}, "zoe@example.com": {}}`)
	want(t, "odd", r.refresh(t), "degraded: 1 added; the server has kept other subscriptions: zoe@example.com from instead of both")
	r.server.Twist = nil
	want(t, "works", r.refresh(t), "applied: 1 with another subscription")
	want(t, "the API is left alone", a.Changes(), "")
}

func TestChoose(t *testing.T) {
	privilege, api, remote := rostertest.NewServer("privilege"), rostertest.NewServer("ejabberd-api"), rostertest.NewServer("remote-roster")
	no := rostertest.NewServer("remote-roster")
	no.Fail = func(string, jid.JID, jid.JID) error { return roster.ErrForbidden }
	silent := rostertest.NewServer("remote-roster")
	silent.Fail = func(string, jid.JID, jid.JID) error { return roster.ErrTimeout }
	up := func(r string) roster.Grants { return roster.Grants{Connected: true, Roster: r} }
	for _, tc := range []struct {
		name     string
		backends *roster.Backends
		grants   roster.Grants
		want     string
		err      error
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
			tc.backends.Log, tc.backends.Host = r.Log, "example.com"
			tc.backends.Grants = func(context.Context) roster.Grants { return tc.grants }
			for range 2 {
				c, err := tc.backends.Choose(t.Context(), john)
				if !errors.Is(err, tc.err) || err == nil && c.Name() != tc.want {
					t.Fatalf("%v, %v", c.Backend, err)
				}
			}
		})
	}
	if no.Reads() != 1 || silent.Reads() != 1 {
		t.Errorf("XEP-0321 was tried %d times, and %d without an answer", no.Reads(), silent.Reads())
	}
}

// An observation is about one connection: another server may be behind the next.
func TestForgets(t *testing.T) {
	r := ejabberd(t, true, true)
	connection := int64(1)
	r.backends.Grants = func(context.Context) roster.Grants {
		return roster.Grants{Connected: true, Connection: connection, Roster: "both"}
	}
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "learns", r.refresh(t), "applied: 1 added")
	r.server.Fail, r.server.Twist = nil, nil
	r.server.Changes()
	connection++
	r.app.says("john", `{}`)
	want(t, "with another", r.refresh(t), "applied: 1 removed")
	want(t, "with another", r.server.Changes(), "remove marie@example.com")
}

// XEP-0321 reaches the component's own contacts only.
func TestBeyond(t *testing.T) {
	r := newRig(t, nil)
	r.server.Reach = func(contact jid.JID) bool { return contact.Domain() == "bot.example.com" }
	r.app.says("john", `{"echo@bot.example.com": {}, "marie@example.com": {}}`)
	want(t, "half", r.refresh(t), "degraded: 1 added; the backend privilege cannot hold these contacts: marie@example.com")
	want(t, "again", r.refresh(t), "degraded: nothing could be changed; the backend privilege cannot hold these contacts: marie@example.com")
	changes, err := r.Preview(t.Context(), john)
	if err != nil || changes.Len() != 0 {
		t.Errorf("%v, %v", changes, err)
	}
}

// Operators see the outcome of the last choice.
func TestChosen(t *testing.T) {
	grants := roster.Grants{Connected: true, Connection: 1, Roster: "both"}
	b := newRig(t, nil).backends
	b.Grants = func(context.Context) roster.Grants { return grants }
	is := func(what string, want roster.Chosen) {
		t.Helper()
		if c := b.Chosen(); c != want {
			t.Errorf("%s: %+v", what, c)
		}
	}
	is("before anything", roster.Chosen{})
	if _, err := b.Choose(t.Context(), john); err != nil {
		t.Fatal(err)
	}
	is("granted", roster.Chosen{Backend: "privilege", Reason: "the server grants it"})
	grants = roster.Grants{}
	if _, err := b.Choose(t.Context(), john); !errors.Is(err, gateway.ErrDown) {
		t.Fatal(err)
	}
	is("down", roster.Chosen{Reason: gateway.ErrDown.Error()})
}
