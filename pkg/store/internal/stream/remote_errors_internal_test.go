package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
)

// A NATS that is not reached is one reason, whichever server was asked, and however the network has failed.
func TestSameReason(t *testing.T) {
	dial := func(addr string, err error) error {
		tcp, _ := net.ResolveTCPAddr("tcp", addr)
		return fmt.Errorf("connect to NATS: %w", explain(&net.OpError{Op: "dial", Net: "tcp", Addr: tcp, Err: err}))
	}
	refused, late := dial("127.0.0.1:1", syscall.ECONNREFUSED), dial("127.0.0.2:1", os.ErrDeadlineExceeded)
	away := dial("127.0.0.1:1", syscall.EHOSTUNREACH)
	none, denied, silent := explain(nats.ErrNoServers), explain(nats.ErrAuthorization), explain(context.DeadlineExceeded)
	for _, row := range []struct {
		a, b error
		same bool
	}{
		{nil, nil, true}, {refused, nil, false}, {nil, refused, false}, {refused, late, true}, {late, away, true}, {late, none, true}, {none, denied, false}, {denied, denied, true},
		{silent, refused, false}, {errors.New("x"), errors.New("x"), true}, {errors.New("x"), errors.New("y"), false}, {errors.New("x"), refused, false},
	} {
		if SameReason(row.a, row.b) != row.same {
			t.Errorf("%v and %v: want %v", row.a, row.b, row.same)
		}
	}
}
