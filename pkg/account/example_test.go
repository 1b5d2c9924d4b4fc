package account_test

import (
	"context"
	"errors"
	"fmt"

	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// onExit is what a test server of an example reports to.
type onExit struct {
	accounttest.TB
	end func()
}

func (*onExit) Helper()              {}
func (e *onExit) Cleanup(end func()) { e.end = end }

// A password is verified, and messages are sent as the user. In place of a real server
// there is one of package accounttest.
func Example() {
	var exit onExit
	server := accounttest.NewServer(&exit, accounttest.Options{Users: map[string]string{"juliet": "secret"}, StartTLS: true})
	defer exit.end()

	ctx, juliet := context.Background(), jid.MustParse("juliet@example.com")
	dialer := account.Dialer{Server: server.Addr(), Mode: account.StartTLS, RootCAs: server.CAs()}
	err := dialer.Verify(ctx, juliet, secret.New("wrong"))
	fmt.Println(errors.Is(err, account.ErrPassword))

	session, err := dialer.Dial(ctx, juliet, secret.New("secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	err = session.Send(ctx, stanza.Must(stanza.Chat(jid.JID{}, jid.MustParse("romeo@example.com"), "1", "hello")))
	fmt.Println(err, server.Received()[0].From)
	// Output:
	// true
	// <nil> juliet@example.com/r
}
