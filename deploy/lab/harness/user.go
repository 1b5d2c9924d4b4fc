//go:build linux

package harness

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
)

// User is a client of the server; what it waits for must come.
type User struct {
	*lab.Client
	T testing.TB
}

func Login(t testing.TB, s *lab.Server, name string) User {
	t.Helper()
	return LoginBy(t, s, s.ClientAddr(), name)
}

// LoginBy is Login by way of a relay.
func LoginBy(t testing.TB, s *lab.Server, addr, name string) User {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	c, err := s.LoginBy(ctx, addr, name, "test")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // the server may be gone already
	return User{c, t}
}

func (u User) Send(format string, args ...any) {
	u.T.Helper()
	require.NoError(u.T, u.SendRaw(fmt.Sprintf(format, args...)))
}

func (u User) Await(what string, match func(lab.Received) bool) lab.Received {
	u.T.Helper()
	ctx, cancel := context.WithTimeout(u.T.Context(), Patience)
	defer cancel()
	r, err := u.Next(ctx, match)
	if err != nil {
		u.T.Fatalf("%s: %v", what, err)
	}
	return r
}

// Echo writes to a bot and waits for its answer.
func (u User) Echo(bot, text string) lab.Received {
	u.T.Helper()
	u.Send("<message to='%s' type='chat' id='%s'><body>%s</body></message>", bot, text, text)
	return u.Await("echo of "+text, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text })
}
