package rooms_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// Join returns once the bot is in, and keeps the room; a room that refuses is not kept, unless
// it was; at the end of the wait the join goes on.
func TestJoin(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy())
	srv.WaitConnected(1)
	joining := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() { done <- b.rooms.Join(ctx, setting()) }()
		return done
	}
	refuse := func() {
		p := srv.Expect("the join", isJoin)
		srv.Send(fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", p.To, p.From))
	}
	refused := func(what string, err error, kept bool) {
		t.Helper()
		no, ok := errors.AsType[*rooms.NotJoined](err)
		if !ok || no.State != muc.Refused || no.Refusal.Condition != stanza.RegistrationRequired || no.Kept != kept {
			t.Errorf("%s: %v, %+v", what, err, no)
		}
	}
	done := joining(t.Context())
	refuse()
	refused("a new room", <-done, false)
	if all, err := s.Rooms().All(t.Context()); len(b.rooms.List()) > 0 || len(all) > 0 || err != nil {
		t.Fatalf("a room that refused is kept: %+v, %v, %v", b.rooms.List(), all, err)
	}

	ctx, leave := context.WithCancel(t.Context())
	done = joining(ctx)
	p := srv.Expect("the join", isJoin)
	leave()
	if no, ok := errors.AsType[*rooms.NotJoined](<-done); !ok || no.State != muc.Joining || !no.Kept {
		t.Errorf("at the end of the wait: %+v", no)
	}
	done = joining(t.Context())
	srv.Send(in(p.To.String(), p.From.String()))
	srv.Send(fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", p.To.Bare(), p.From))
	if err := <-done; err != nil {
		t.Errorf("the join went on, and ended with %v", err)
	}
	if err := b.rooms.Join(t.Context(), setting()); err != nil { // no presence: the room is not asked again
		t.Errorf("in the room: %v", err)
	}

	srv.Send("<presence type='unavailable' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item role='none'/><status code='307'/></x></presence>")
	b.expect("room.joined")
	b.expect("room.left")
	done = joining(t.Context())
	refuse()
	refused("a kept room", <-done, true)
	if len(b.rooms.List()) != 1 {
		t.Errorf("a kept room that refused is not kept any more")
	}
}
