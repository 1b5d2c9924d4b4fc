package componenttest

import (
	"context"
	"sync"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Connect runs a link to the server and waits until it is connected, see
// [Server.Run].
func (s *Server) Connect(o component.Options) *component.Link {
	s.t.Helper()
	l, _ := s.Run(o)
	if err := l.WaitConnected(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// Run runs a link to the server until stop is called, or the test ends. The address,
// the domain and the secret are those of the server where o has none.
func (s *Server) Run(o component.Options) (l *component.Link, stop func()) {
	if o.Addr == "" {
		o.Addr = s.Addr()
	}
	if o.Domain.IsZero() {
		o.Domain = jid.MustParse(s.domain)
	}
	if o.Secret.IsZero() {
		o.Secret = secret.New(s.secret)
	}
	l = component.New(o)
	return l, Run(s.t, l)
}

// Run runs a link until stop is called, or the test ends.
func Run(t testing.TB, l *component.Link) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// Confirm sends a stanza and waits for the server's confirmation.
func Confirm(ctx context.Context, l *component.Link, s *stanza.Stanza) error {
	done := make(chan error, 1)
	if err := l.Send(s, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Eventually waits up to a minute for a condition that other goroutines bring
// about.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(expectTimeout); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen within %v", what, expectTimeout)
		}
	}
}
