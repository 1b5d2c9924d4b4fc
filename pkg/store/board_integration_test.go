//go:build integration

package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/replica"
	"stanzahook/pkg/store"
)

// member is a replica on a real NATS.
type member struct {
	*replica.Member
	board *store.Board
	lost  atomic.Pointer[error]
}

func join(t *testing.T, c *natsserver.Cluster, name string) *member {
	t.Helper()
	m := &member{}
	var heard atomic.Pointer[replica.Member]
	board, err := store.OpenBoard(t.Context(), store.NATS{URL: c.URL(), Name: "lab", Replicas: len(c.Nodes)}, 1<<30, zap.NewNop(), func(data []byte) {
		if to := heard.Load(); to != nil {
			to.Hear(data)
		}
	})
	require.NoError(t, err)
	m.board = board
	m.Member = replica.Join(board, replica.Options{About: replica.About{Replica: name}, Failover: 2 * time.Second, OnLost: func(why error) { m.lost.Store(&why) }})
	heard.Store(m.Member)
	t.Cleanup(m.kill)
	return m
}

// kill ends a replica without a word.
func (m *member) kill() {
	m.board.Close()
	m.Release(context.Background()) // nothing of it gets through
}

// Replicas on a cluster of three servers: one is active; the death of a server is no
// takeover; a hand-over and a death are one each; the record tells who it is.
func TestReplicasOnNATS(t *testing.T) {
	c := natsserver.Start(t, natsserver.Options{Nodes: 3})
	a := join(t, c, "a")
	await(t, "a is active", func() bool { return a.May() })
	b, d := join(t, c, "b"), join(t, c, "d")
	await(t, "the others stand by", func() bool { return b.Ready() == nil && d.Ready() == nil && b.Status().Holder.Replica == "a" })
	epoch := a.Status().Epoch
	for _, n := range c.Nodes {
		n.Kill()
		for began := time.Now(); time.Since(began) < 3*time.Second; time.Sleep(20 * time.Millisecond) { // a failover time and more
			if b.Status().Epoch+d.Status().Epoch > 0 {
				t.Fatal("a server has died, and a standby has taken over")
			}
		}
		n.Start()
		await(t, "everybody hears itself", func() bool { return a.May() && b.Ready() == nil && d.Ready() == nil })
	}
	await(t, "the record has a leader", func() bool { _, _, err := a.board.Record(t.Context()); return err == nil })
	a.Release(t.Context())
	await(t, "one takes over", func() bool { return b.May() != d.May() })
	next, other := b, d
	if d.May() {
		next, other = d, b
	}
	if st := next.Status(); st.Reason != "bye" || st.Epoch <= epoch {
		t.Errorf("%+v", st)
	}
	next.kill()
	await(t, "the last one takes over", other.May)
	if st := other.Status(); st.Reason != "silence" || st.Epoch <= next.Status().Epoch {
		t.Errorf("%+v", st)
	}
	if _, err := other.board.Replace(t.Context(), []byte("{}"), epoch); !errors.Is(err, gateway.ErrChanged) {
		t.Errorf("replaced by an epoch of before: %v", err)
	}
	for _, m := range []*member{a, b, d} {
		if why := m.lost.Load(); why != nil {
			t.Errorf("%s has lost the role: %v", m.Status().Name, *why)
		}
	}
}

// A proof needs more than half of the servers, whatever one of them says of itself.
func TestProofNeedsMost(t *testing.T) {
	c := natsserver.Start(t, natsserver.Options{Nodes: 3})
	a := join(t, c, "a")
	await(t, "a is active", a.May)
	if err := a.board.Prove(t.Context()); err != nil {
		t.Error(err)
	}
	c.Nodes[0].Kill()
	c.Nodes[1].Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if a.board.Prove(ctx) == nil {
		t.Error("a proof of one server of three")
	}
	c.Nodes[0].Start()
	await(t, "a proof of two", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return a.board.Prove(ctx) == nil
	})
}

// await waits for an event of another process.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("in vain: %s", what)
		}
	}
}
