package metrics

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/component/presence"
	"stanzahook/pkg/store"
)

// A store that hangs holds up neither a scrape nor those after it, and what it
// would have told is left out.
func TestStoreThatHangs(t *testing.T) {
	from := &Sources{Log: zap.NewNop(), Tokens: func() []string { return nil }}
	var err error
	from.Store, err = store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20, Log: from.Log})
	require.NoError(t, err)
	t.Cleanup(from.Store.Close)
	from.OutboxShares = from.Store.Outbox().Shares()
	from.Subscribers, err = presence.LoadSubscribers(t.Context(), from.Store.Subscribers(), from.Log)
	require.NoError(t, err)
	hangs := make(chan struct{})
	var asked atomic.Int64
	s := newStoreMetrics(from, nil)
	s.reader.patience = 50 * time.Millisecond
	s.reader.ask = func(ctx context.Context) ([]func(chan<- prometheus.Metric), bool) {
		asked.Add(1)
		<-hangs
		return s.ask(context.WithoutCancel(ctx))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	gather := func() map[string]*dto.MetricFamily {
		list, err := registry.Gather()
		require.NoError(t, err)
		all := make(map[string]*dto.MetricFamily)
		for _, f := range list {
			all[f.GetName()] = f
		}
		return all
	}
	for range 3 {
		all := gather()
		if all["stanzahook_store_up"].GetMetric()[0].Gauge.GetValue() != 0 || all["stanzahook_store_refuses"].GetMetric()[0].Gauge.GetValue() != 0 || all["stanzahook_store_bytes"] != nil {
			t.Errorf("%v", all)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times while it hung", n)
	}
	close(hangs)
	// A metric has no notification of changes; the test scrapes until the value is there.
	for deadline := time.Now().Add(time.Minute); gather()["stanzahook_store_bytes"] == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not recover")
		}
	}
}

func TestScrapeLog(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	scrapeLog{zap.New(core)}.Println("error gathering metrics:", errors.New("a bug"))
	if logs.FilterField(zap.String("error", "error gathering metrics: a bug")).Len() == 0 {
		t.Errorf("%v", logs.All())
	}
}
