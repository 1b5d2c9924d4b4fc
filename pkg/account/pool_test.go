package account_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

var romeo = jid.MustParse("romeo@example.com")

func pool(t *testing.T, srv *accounttest.Server, max int, idle time.Duration) *account.Pool {
	t.Helper()
	p := account.NewPool(account.Dialer{Server: srv.Addr(), Mode: account.None}, max, idle)
	t.Cleanup(p.Close)
	return p
}

func TestPoolLogsInOnce(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, _ account.Dialer) {
		p := pool(t, srv, 10, time.Minute)
		require.NoError(t, p.Login(ctx(t), juliet, right, true))
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := p.Send(ctx(t), juliet, right, message(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := srv.Logins(); n != 1 || p.Open() != 1 {
			t.Errorf("%d logins, %d open; want one", n, p.Open())
		}
		if n := len(srv.Received()); n != 20 {
			t.Errorf("%d messages, want 20", n)
		}
		// A session says nothing about another password.
		if err := p.Login(ctx(t), juliet, secret.New("wrong"), true); !errors.Is(err, account.ErrPassword) {
			t.Errorf("a wrong password beside an open session: %v", err)
		}
		p.Close()
		srv.Await("a goodbye", func() bool { return srv.Goodbyes() == 1 && srv.Open() == 0 })
		if err := p.Send(ctx(t), juliet, right, message("late")); !errors.Is(err, gateway.ErrDown) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestPoolDoesNotKeepWhatFailed(t *testing.T) {
	srv := accounttest.NewServer(t, accounttest.Options{Users: users})
	p := pool(t, srv, 10, time.Minute)
	if err := p.Login(ctx(t), juliet, secret.New("wrong"), true); !errors.Is(err, account.ErrPassword) {
		t.Fatal(err)
	}
	if p.Open() != 0 {
		t.Errorf("%d open", p.Open())
	}
	if err := p.Login(ctx(t), juliet, right, false); err != nil || p.Open() != 0 {
		t.Errorf("verified only: %v, %d open", err, p.Open())
	}
	if err := p.Send(ctx(t), juliet, right, message("1")); err != nil {
		t.Error(err)
	}
}

func TestPoolClosesIdleSessions(t *testing.T) {
	srv := accounttest.NewServer(t, accounttest.Options{Users: users})
	p := pool(t, srv, 10, 10*time.Millisecond)
	for i := range 3 {
		require.NoError(t, p.Send(ctx(t), juliet, right, message(fmt.Sprint(i))))
		srv.Await("the session is closed", func() bool { return srv.Goodbyes() == i+1 && p.Open() == 0 })
	}
}

func TestPoolIsBounded(t *testing.T) {
	srv := accounttest.NewServer(t, accounttest.Options{Users: users})
	p := pool(t, srv, 1, time.Minute)
	require.NoError(t, p.Send(ctx(t), juliet, right, message("1")))
	// Hers is not in use, so it makes room.
	require.NoError(t, p.Send(ctx(t), romeo, secret.New("pw"), messageTo("juliet@example.com", "2")))
	srv.Await("hers is closed", func() bool { return srv.Goodbyes() == 1 && srv.Open() == 1 })
	srv.Received()
	srv.Silence(true)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = p.Send(ctx(t), romeo, secret.New("pw"), messageTo("juliet@example.com", "3")) })
	srv.Await("his is in use", func() bool { return len(srv.Received()) == 1 })
	if err := p.Send(ctx(t), juliet, right, message("4")); !errors.Is(err, gateway.ErrBusy) {
		t.Errorf("over the bound: %v", err)
	}
	p.Close()
}

// A message that a connection took with it goes once more, with the same id.
func TestPoolSendsAgain(t *testing.T) {
	both(t, func(t *testing.T, srv *accounttest.Server, _ account.Dialer) {
		p := pool(t, srv, 10, time.Minute)
		require.NoError(t, p.Login(ctx(t), juliet, right, true))
		srv.Silence(true)
		sent := make(chan error)
		go func() { sent <- p.Send(ctx(t), juliet, right, message("1")) }()
		srv.Await("the message", func() bool { return len(srv.Received()) == 1 })
		srv.Silence(false)
		srv.Drop()
		require.NoError(t, <-sent)
		if again := srv.Received(); len(again) != 1 || again[0].ID != "1" || srv.Logins() != 2 {
			t.Errorf("%d logins, again: %v", srv.Logins(), again)
		}
	})
}
