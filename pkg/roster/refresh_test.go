package roster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
	}
}

func TestRefresh(t *testing.T) {
	r := newRig(t, nil)
	steps := []struct{ name, answer, result, asked string }{
		{"first", `{"marie@example.com": {"name": "Marie", "groups": ["Friends"]}, "aaron@example.com": {}}`,
			"applied: 2 added",
			"set aaron@example.com (\"\", groups [], subscription both)\nset marie@example.com (\"Marie\", groups [\"Friends\"], subscription both)"},
		{"again", "", "unchanged", ""},
		{"renamed", `{"marie@example.com": {"name": "Mary", "groups": ["Friends"]}, "aaron@example.com": {}}`,
			"applied: 1 renamed", `set marie@example.com ("Mary", groups ["Friends"], subscription both)`},
		{"regrouped, one more", `{"marie@example.com": {"name": "Mary", "groups": {"Work": true, "Friends": true}}, "aaron@example.com": {}, "zoe@example.com": {}}`,
			"applied: 1 added, 1 regrouped", "set zoe@example.com (\"\", groups [], subscription both)\nset marie@example.com (\"Mary\", groups [\"Friends\" \"Work\"], subscription both)"},
		{"another subscription", `{"marie@example.com": {"name": "Mary", "groups": ["Friends", "Work"], "subscription": "to"}, "aaron@example.com": {}, "zoe@example.com": {}}`,
			"applied: 1 with another subscription", `set marie@example.com ("Mary", groups ["Friends" "Work"], subscription to)`},
		{"removed", `{"zoe@example.com": {}}`, "applied: 2 removed", "remove aaron@example.com\nremove marie@example.com"},
		{"nobody", `{}`, "applied: 1 removed", "remove zoe@example.com"},
		{"still nobody", `{}`, "unchanged", ""},
	}
	for _, s := range steps {
		if s.answer != "" {
			r.app.says("john", s.answer)
		}
		want(t, s.name, r.refresh(t), s.result)
		want(t, s.name, r.server.Changes(), s.asked)
	}
}

// What a user does by hand is put right, or left, as the mode says.
func TestByHand(t *testing.T) {
	for _, tc := range []struct {
		mode                   roster.Mode
		added, renamed, gone   string
		result, result2, after string
	}{
		{roster.Authoritative, "remove friend@example.com", `set marie@example.com ("Marie", groups [], subscription both)`, `set marie@example.com ("Marie", groups [], subscription both)`,
			"applied: 1 renamed, 1 removed", "applied: 1 added", ""},
		{roster.Additive, "", `set marie@example.com ("Marie", groups [], subscription both)`, `set marie@example.com ("Marie", groups [], subscription both)`,
			"applied: 1 renamed", "applied: 1 added", `friend@example.com ("mine", groups [], subscription to)`},
	} {
		t.Run(string(tc.mode), func(t *testing.T) {
			r := newRig(t, func(o *roster.Options, _ *roster.Backends) {
				o.Mode = tc.mode
				keep, err := jid.ParseGlob("*@bot.example.com")
				require.NoError(t, err)
				o.Keep = []jid.Glob{keep}
			})
			r.app.says("john", `{"marie@example.com": {"name": "Marie"}}`)
			want(t, "first", r.refresh(t), "applied: 1 added")
			r.server.Changes()
			bot := item("echo@bot.example.com", "Echo", roster.Both)
			r.server.Put(john, item("friend@example.com", "mine", roster.To), item("marie@example.com", "Maria", roster.Both), bot)
			want(t, "edited", r.refresh(t), tc.result)
			want(t, "edited", r.server.Changes(), strings.TrimPrefix(strings.TrimSuffix(tc.renamed+"\n"+tc.added, "\n"), "\n"))
			r.server.Drop(john, jid.MustParse("marie@example.com"))
			want(t, "deleted", r.refresh(t), tc.result2)
			want(t, "deleted", r.server.Changes(), tc.gone)
			r.app.says("john", `{}`)
			want(t, "the source drops her", r.refresh(t), "applied: 1 removed")
			want(t, "left", shown(r.server.Has[john]), strings.TrimSuffix(bot.String()+"\n"+tc.after, "\n"))
		})
	}
}

// In additive mode a contact who was there before the source named it stays
// when the source does not have it any more.
func TestAdditiveLeavesWhatWasThere(t *testing.T) {
	r := newRig(t, func(o *roster.Options, _ *roster.Backends) { o.Mode = roster.Additive })
	r.server.Put(john, item("marie@example.com", "", roster.Both))
	r.app.says("john", `{"marie@example.com": {"name": "Marie"}, "zoe@example.com": {}}`)
	want(t, "named", r.refresh(t), "applied: 1 added, 1 renamed")
	r.app.says("john", `{}`)
	want(t, "dropped", r.refresh(t), "applied: 1 removed")
	want(t, "left", shown(r.server.Has[john]), `marie@example.com ("Marie", groups [], subscription both)`)
}

// Killed between the server's taking a contact and the record's: the contact
// still counts as one of the source's.
func TestAdditiveOverAKill(t *testing.T) {
	r := newRig(t, func(o *roster.Options, _ *roster.Backends) { o.Mode = roster.Additive })
	r.app.says("john", `{"marie@example.com": {}, "zoe@example.com": {}}`)
	kill := errors.New("killed")
	r.server.Fail = func(what string, _, contact jid.JID) error {
		if what == "set" && contact.Local() == "zoe" {
			r.cache.Broken = kill // nothing is stored from here on
			return kill
		}
		return nil
	}
	_ = r.refresh(t)
	if len(r.server.Has[john]) != 1 {
		t.Fatalf("the kill should have come between two contacts: %v", r.server.Has[john])
	}
	r.cache.Broken, r.server.Fail = nil, nil
	r.app.says("john", `{}`)
	want(t, "after the restart", r.refresh(t), "applied: 1 removed")
}

// A source that suddenly has hardly anybody any more is asked whether it is sure.
func TestGuard(t *testing.T) {
	r := newRig(t, nil)
	all := manyContacts(30)
	r.app.says("john", all)
	r.refresh(t)
	r.server.Changes()
	r.app.says("john", manyContacts(14))
	want(t, "16 of 30", r.refresh(t), "source-error: the web application dropped 16 of the 30 contacts; if that is right, refresh with force (?force=1, --force); nothing was changed")
	want(t, "16 of 30", r.refresh(t), "source-error: the web application dropped 16 of the 30 contacts; if that is right, refresh with force (?force=1, --force); nothing was changed")
	want(t, "16 of 30", r.server.Changes(), "")
	r.app.says("john", manyContacts(15))
	want(t, "half", r.refresh(t), "applied: 15 removed")
	r.app.says("john", manyContacts(5))
	want(t, "ten", r.refresh(t), "applied: 10 removed")
	r.app.says("john", all)
	r.refresh(t)
	r.app.says("john", `{}`)
	want(t, "forced", r.refreshOf(t, john, true), "applied: 30 removed")
}

func TestSourceErrors(t *testing.T) {
	r := newRig(t, nil)
	r.app.says("john", `{"marie@example.com": {}}`)
	r.refresh(t)
	r.server.Changes()
	for _, tc := range []struct{ answer, want string }{
		{"!", "source-error: the web application answered 500 Internal Server Error; 200 with the contacts, or 304, is expected"},
		{`{"marie@example.com": {}, "no address@": {}}`, `source-error: the web application's answer: contact "no address@": is not an address: localpart: contains a space`},
		{`<html>`, `source-error: the web application's answer: it is not JSON: it looks like HTML or XML`},
		{strings.Repeat(" ", 1<<20) + "{}", "source-error: the web application's answer has more than 1048576 bytes"},
	} {
		r.app.says("john", tc.answer)
		want(t, tc.answer[:1], r.refresh(t), tc.want)
		want(t, tc.answer[:1], r.server.Changes(), "")
	}
	r.app.says("john", `{"marie@example.com": {}}`)
	want(t, "right again", r.refresh(t), "unchanged")
}

// A user whom the application does not know has a result of his own, and no line in the
// log: on a server with other users that would be one at each login.
func TestUnknownUser(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	r := newRig(t, func(o *roster.Options, _ *roster.Backends) { o.Log = zap.New(core) })
	other := jid.MustParse("other@example.com")
	want(t, "not known", r.refreshOf(t, other, false), "unknown: the web application does not know this user (404 Not Found)")
	want(t, "not known", r.server.Changes(), "")
	if n := r.Counters.Count(roster.Unknown); n != 1 || roster.Unknown.Updated() {
		t.Errorf("counted %d; counts as updated: %v", n, roster.Unknown.Updated())
	}
	if logs.Len() > 0 {
		t.Errorf("%v", logs.All())
	}
	r.app.says("other", "{}")
	want(t, "known now", r.refreshOf(t, other, false), "unchanged")
}

func TestServerErrors(t *testing.T) {
	at := func(what string, err error) func(string, jid.JID, jid.JID) error {
		return func(w string, _, contact jid.JID) error {
			if w == what && contact.Local() != "aaron" {
				return err
			}
			return nil
		}
	}
	forbidden := fmt.Errorf("%w: forbidden (auth): no", roster.ErrForbidden)
	for _, tc := range []struct {
		name string
		fail func(string, jid.JID, jid.JID) error
		want string
		done int // contacts on the server after it
	}{
		{"reading is forbidden", at("get", forbidden), "forbidden: the roster cannot be read: the server does not allow it: forbidden (auth): no", 0},
		{"reading takes too long", at("get", roster.ErrTimeout), "timeout: the roster cannot be read: the server did not answer in time", 0},
		{"no link", at("get", gateway.ErrDown), "timeout: the roster cannot be read: there is no connection to the XMPP server", 0},
		{"setting is forbidden", at("set", forbidden), "forbidden: 1 of 3 changes were made (3 added); marie@example.com: the server does not allow it: forbidden (auth): no", 1},
		{"nobody", at("set", roster.ErrNoSuchUser), "no-such-user: 1 of 3 changes were made (3 added); marie@example.com: the server does not know this user", 1},
		{"the link is lost", at("set", gateway.ErrDown), "timeout: 1 of 3 changes were made (3 added); marie@example.com: there is no connection to the XMPP server", 1},
		{"the server cannot", at("set", roster.ErrCannot), "forbidden: 1 of 3 changes were made (3 added); marie@example.com: the server cannot do this", 1},
		{"one contact is refused", func(w string, _, contact jid.JID) error {
			if contact.Local() == "marie" {
				return errors.New("not-allowed")
			}
			return nil
		}, "forbidden: 2 of 3 changes were made (3 added); marie@example.com: not-allowed", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.app.says("john", `{"marie@example.com": {}, "aaron@example.com": {}, "zoe@example.com": {}}`)
			r.server.Fail = tc.fail
			want(t, tc.name, r.refresh(t), tc.want)
			if n := len(r.server.Has[john]); n != tc.done {
				t.Errorf("%d contacts, want %d", n, tc.done)
			}
			r.server.Fail = nil
			want(t, "the second refresh does the rest", r.refresh(t), fmt.Sprintf("applied: %d added", 3-tc.done))
		})
	}
}

// A server that takes changes and does not make them is not believed.
func TestReadBack(t *testing.T) {
	r := newRig(t, nil)
	r.app.says("john", `{"marie@example.com": {"name": "Marie"}}`)
	r.server.Twist = func(_ jid.JID, _, item roster.Item) roster.Item { item.Name = ""; return item }
	want(t, "no names", r.refresh(t), "forbidden: 1 added; the server has accepted the changes, but these are not there: marie@example.com")
	// Somebody else who changes it at the same time is another matter.
	once := false
	r.server.Twist = func(_ jid.JID, _, item roster.Item) roster.Item {
		if !once {
			once, item.Name = true, "by hand"
		}
		return item
	}
	want(t, "by hand", r.refresh(t), "applied: 1 renamed")
}

// Of several changes a server may make one and report all; sent alone, each is made.
func TestOnlyTheFirst(t *testing.T) {
	r := newRig(t, nil)
	r.server.First = true
	r.app.says("john", manyContacts(9))
	want(t, "nine", r.refresh(t), "applied: 9 added")
	if n := len(r.server.Has[john]); n != 9 {
		t.Errorf("%d contacts", n)
	}
}

// A change whose answer is lost is counted by what the server has afterwards.
func TestLostAnswers(t *testing.T) {
	r := newRig(t, nil)
	r.app.says("john", `{"marie@example.com": {}, "aaron@example.com": {}, "zoe@example.com": {}}`)
	lost := "marie"
	r.server.Fail = func(what string, owner, contact jid.JID) error {
		if what != "set" || contact.Local() != lost {
			return nil
		}
		r.server.Has[owner][contact] = item(contact.String(), "", roster.Both)
		return roster.ErrTimeout
	}
	want(t, "the second of three", r.refresh(t), "timeout: 2 of 3 changes were made (3 added); marie@example.com: the server did not answer in time")
	lost = "zoe"
	want(t, "the last", r.refresh(t), "applied: 1 added")
	r.app.says("john", `{"marie@example.com": {"subscription": "to"}, "aaron@example.com": {}, "zoe@example.com": {}}`)
	r.server.Fail = func(what string, _, _ jid.JID) error {
		if what == "set" {
			return roster.ErrTimeout
		}
		return nil
	}
	want(t, "not made", r.refresh(t), "timeout: none of 1 changes was made (1 with another subscription); marie@example.com: the server did not answer in time")
}

func TestStoreErrors(t *testing.T) {
	r := newRig(t, func(o *roster.Options, _ *roster.Backends) { o.Log = zap.NewNop() })
	r.app.says("john", `{"marie@example.com": {}}`)
	r.cache.Broken = errors.New("the disk is broken")
	want(t, "reading", r.refresh(t), "source-error: the record of this roster cannot be read from the store; nothing was changed; the log has the reason")
	want(t, "reading", r.server.Changes(), "")
	r.cache.Broken = nil
	_, revision, _ := r.cache.Roster(t.Context(), john)
	if _, err := r.cache.PutRoster(t.Context(), john, []byte("\x00damaged"), revision); err != nil {
		t.Fatal(err)
	}
	want(t, "damaged", r.refresh(t), "applied: 1 added")
}
