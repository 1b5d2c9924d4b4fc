package app

import (
	"context"
	"time"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/summary"
)

// keepSummary begins to keep what is counted in each minute.
func (a *App) keepSummary(context.Context) error {
	a.day = summary.New(a.counted)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.day.Run(ctx)
	}()
	a.onStop("summary", func(context.Context) {
		cancel()
		<-done
	})
	return nil
}

// counted is a summary.Source.
func (a *App) counted() (in, out int64, endpoints map[string]summary.Counts) {
	for _, l := range a.links {
		for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
			in += l.Counters.In[kind].Load()
			out += l.Counters.Out[kind].Load()
		}
	}
	workers := a.current.Load().workers
	endpoints = make(map[string]summary.Counts, len(workers))
	for _, w := range workers {
		c := &w.Counters
		endpoints[w.Endpoint().Name] = summary.Counts{
			In: c.Received.Load(), Out: c.Replies.Load(),
			Delivered: c.Delivered.Load(), Failed: c.Failures.Load(), Dead: c.Dead.Load(), Answered: c.Answered.Snapshot(),
		}
	}
	return in, out, endpoints
}

// summaryOf returns v1.Options.Summary for the endpoints of some workers.
func (a *App) summaryOf(workers *delivery.Workers) func(minutes int, endpoint string) ([]summary.Row, error) {
	return func(minutes int, endpoint string) ([]summary.Row, error) {
		if endpoint != "" && workers.Named(endpoint) == nil {
			return nil, gateway.ErrNotFound
		}
		return a.day.Rows(time.Now(), minutes, endpoint), nil
	}
}
