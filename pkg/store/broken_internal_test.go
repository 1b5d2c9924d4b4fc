package store

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
)

// While a write has failed and the server is not yet restarted, the states of endpoints
// and hosts and the subscribers are still stored; everything else is refused at once.
func TestStoredWhileBroken(t *testing.T) {
	ctx := t.Context()
	s := &Store{o: Options{Dir: t.TempDir()}}
	require.NoError(t, s.o.complete())
	s.log = zap.NewNop()
	if err := s.open(ctx); err != nil { // without its watcher, which would restart the server
		t.Fatal(err)
	}
	defer func() { s.srv.Stop() }()
	require.NoError(t, s.srv.Restart())
	if !s.srv.Broken() {
		t.Fatal("not broken")
	}
	sub := Subscriber{Bot: "echo@bot.example.com", User: "u@example.com"}
	for what, err := range map[string]error{
		"endpoint":       s.Endpoints().Put(ctx, "echo", EndpointState{Disabled: true}),
		"host":           s.Features().Put(ctx, "example.com", HostFeatures{"x": {}}),
		"subscriber":     s.Subscribers().Put(ctx, sub),
		"subscriber end": s.Subscribers().Remove(ctx, sub),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if st, err := s.Endpoints().Get(ctx, "echo"); err != nil || !st.Disabled {
		t.Errorf("the endpoint is %+v, %v", st, err)
	}
	if err := s.Rosters().PutJob(ctx, "job", []byte("x")); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("a roster job: %v", err)
	}
}
