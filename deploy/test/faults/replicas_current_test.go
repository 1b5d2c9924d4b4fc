//go:build integration

package faults

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// natsIsCurrent waits until each stream has a leader, and all servers have what it has: only then is the loss of
// another one that of one server.
func natsIsCurrent(t testing.TB, c *natsserver.Cluster) {
	t.Helper()
	nc, err := nats.Connect(c.URL(), nats.MaxReconnects(-1))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	harness.Eventually(t, "all NATS servers are current", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		n, all := 0, js.ListStreams(ctx)
		current := true
		for info := range all.Info() {
			n++
			current = current && info.Cluster != nil && info.Cluster.Leader != "" && len(info.Cluster.Replicas) == len(c.Nodes)-1 &&
				!slices.ContainsFunc(info.Cluster.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current })
		}
		return current && n > 0 && all.Err() == nil
	})
}
