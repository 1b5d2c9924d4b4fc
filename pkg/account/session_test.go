package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func message(id string) *stanza.Stanza { return messageTo("romeo@example.com", id) }

func messageTo(to, id string) *stanza.Stanza {
	return stanza.Must(stanza.Chat(jid.JID{}, jid.MustParse(to), id, "text "+id))
}

func dial(t *testing.T, d account.Dialer) *account.Session {
	t.Helper()
	s, err := d.Dial(ctx(t), juliet, right)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// both runs a test with acknowledgements (XEP-0198) and with pings.
func both(t *testing.T, test func(t *testing.T, srv *accounttest.Server, d account.Dialer)) {
	for _, acks := range []bool{true, false} {
		t.Run(fmt.Sprintf("acks=%v", acks), func(t *testing.T) {
			srv := accounttest.NewServer(t, accounttest.Options{Users: users, Acks: acks})
			test(t, srv, account.Dialer{Server: srv.Addr(), Mode: account.None})
		})
	}
}

func TestSend(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, d account.Dialer) {
		s := dial(t, d)
		for i := range 100 {
			require.NoError(t, s.Send(ctx(t), message(fmt.Sprint(i))))
		}
		taken := srv.Received()
		if len(taken) != 100 {
			t.Fatalf("%d messages came, want 100", len(taken))
		}
		for i, m := range taken {
			if m.ID != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, m.XML())
			}
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if err := s.Send(ctx(t), message(fmt.Sprint("p", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.Close()
		srv.Await("a goodbye", func() bool { return srv.Goodbyes() == 1 })
		if err := s.Send(ctx(t), message("late")); !errors.Is(err, gateway.ErrDown) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestSendIsNotConfirmed(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, d account.Dialer) {
		srv.Silence(true)
		s := dial(t, d)
		gone, cancel := context.WithTimeout(ctx(t), 20*time.Millisecond)
		defer cancel()
		if err := s.Send(gone, message("1")); !errors.Is(err, gateway.ErrUnconfirmed) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who has gone: %v", err)
		}
		srv.Silence(false)
		if err := s.Send(ctx(t), message("2")); err != nil {
			t.Errorf("the session is of no use after that: %v", err)
		}
		srv.Silence(true)
		d.Confirm = 20 * time.Millisecond
		s = dial(t, d)
		if err := s.Send(ctx(t), message("3")); !errors.Is(err, gateway.ErrUnconfirmed) {
			t.Errorf("a silent server: %v", err)
		}
		<-s.Ended()
		d.Confirm = time.Minute
		s = dial(t, d)
		srv.Received()
		failed := make(chan error)
		go func() { failed <- s.Send(ctx(t), message("4")) }()
		srv.Await("the message", func() bool { return len(srv.Received()) == 1 })
		srv.Drop()
		if err := <-failed; !errors.Is(err, gateway.ErrUnconfirmed) {
			t.Errorf("a server that goes: %v", err)
		}
	})
}

func TestSendIsRejected(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, d account.Dialer) {
		srv.Limit(200)
		s := dial(t, d)
		m := stanza.Must(stanza.Chat(jid.JID{}, jid.MustParse("romeo@example.com"), "1", strings.Repeat("long ", 50)))
		if err := s.Send(ctx(t), m); !errors.Is(err, gateway.ErrRejected) {
			t.Error(err)
		}
	})
}

// What comes to the session's own address is answered, so that nobody waits.
func TestIncoming(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, d account.Dialer) {
		bounces := make(chan string, 1)
		d.Bounced = func(s *stanza.Stanza) { bounces <- s.ID }
		s := dial(t, d)
		srv.Send("<r xmlns='urn:xmpp:sm:3'/> \n" +
			"<message from='romeo@example.com/x' to='juliet@example.com/r' type='chat' id='m'><body>hi</body></message>" +
			"<message from='romeo@example.com/x' to='juliet@example.com/r' type='groupchat' id='g'><body>hi</body></message>" +
			"<iq from='romeo@example.com/x' to='juliet@example.com/r' type='get' id='v'><query xmlns='jabber:iq:version'/></iq>" +
			"<iq from='example.com' to='juliet@example.com/r' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>" +
			"<iq from='romeo@example.com/x' to='juliet@example.com/r' type='result' id='stanzahook-99999'/>" +
			"<presence from='romeo@example.com/x' to='juliet@example.com/r'/>")
		require.NoError(t, s.Send(ctx(t), messageTo("bounce@example.com", "b")))
		if id := <-bounces; id != "b" {
			t.Errorf("the bounce of %s", id)
		}
		want := map[string]string{"m": "error", "v": "error", "p": "result", "b": "chat"}
		got := map[string]string{}
		srv.Await("the answers", func() bool {
			for _, m := range srv.Received() {
				got[m.ID] = m.Type
			}
			return len(got) >= len(want)
		})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("answers %v, want %v", got, want)
		}
	})
}

func TestKeepalive(t *testing.T) {
	srv := accounttest.NewServer(t, accounttest.Options{Users: users})
	s := dial(t, account.Dialer{Server: srv.Addr(), Mode: account.None, Keepalive: 5 * time.Millisecond})
	tick := time.NewTimer(50 * time.Millisecond) // some spaces go
	<-tick.C
	if err := s.Send(ctx(t), message("1")); err != nil {
		t.Error(err)
	}
	srv.Drop()
	<-s.Ended()
}
