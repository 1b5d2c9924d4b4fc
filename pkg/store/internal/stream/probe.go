package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Finding is what a probe has found of one thing.
type Finding struct {
	About, Found string
	Err          error  // what is wrong, with what to do
	Advice       string // with Found: a warning
	InUse        bool   // a process uses the streams
}

const (
	probeTimeout = 5 * time.Second
	clockSlack   = time.Second // by which clocks may differ
	// maxStreams is how many streams and buckets there are, with those of a copy and of the probe.
	maxStreams = 17
)

// Probe examines an external NATS as a store: whether it is reached, has JetStream, room and
// as many servers as replicas, and lets its user do what a store does, with a stream of its
// own that it removes. A process that uses the streams goes on. outbox is the stream whose
// consumers show that there is one; replicas is the subject on which each says something
// within beat.
func Probe(ctx context.Context, r Remote, o Options, outbox, replicas string, beat time.Duration) []Finding {
	e := &engine{s: &Server{o: o}, remote: &remote{Remote: r, prefix: r.Name + "."}}
	defer e.stop()
	options, err := e.options()
	var denied atomic.Pointer[error] // what the servers do not let us do
	if err == nil {
		options = append(options, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied.Store(&err) }))
		e.nc, err = dial(r.URL, options)
	}
	if err == nil {
		e.js, err = jetstream.New(e.nc)
	}
	if err != nil {
		return []Finding{{About: r.URL, Err: explain(err)}}
	}
	all := []Finding{{About: r.URL, Found: "connected to " + e.nc.ConnectedUrlRedacted() + ", nats-server " + e.nc.ConnectedServerVersion()}}
	for _, step := range []func(context.Context) (Finding, error){e.probeAccount, e.probePayload, e.probeStream, func(ctx context.Context) (Finding, error) { return e.probeReplicas(ctx, replicas, beat) }, func(ctx context.Context) (Finding, error) { return e.probeUse(ctx, outbox) }} {
		once, cancel := context.WithTimeout(ctx, probeTimeout)
		f, err := step(once)
		cancel()
		if err != nil {
			if why := denied.Load(); why != nil {
				err = errors.Join(*why, err)
			}
			f.Err = explain(err)
			return append(all, f)
		}
		all = append(all, f)
	}
	return all
}

// probeAccount looks whether JetStream is on, and has room.
func (e *engine) probeAccount(ctx context.Context) (f Finding, err error) {
	f.About = "JetStream"
	info, err := api(ctx, e, e.js.AccountInfo)
	if err != nil {
		return f, err
	}
	limits, need := info.Limits, e.s.o.MaxBytes
	if tier, ok := info.Tiers[fmt.Sprintf("R%d", e.remote.Replicas)]; ok {
		limits = tier.Limits
	}
	_, there := e.js.Stream(ctx, e.name("EVENTS")) // its room is reserved then
	switch {
	case limits.MaxStore >= 0 && there != nil && limits.MaxStore-int64(info.Store) < need:
		return f, fmt.Errorf("the account may store %d MiB, of which %d are used, and store.max_bytes is %d MiB; raise the account's limit, or lower store.max_bytes", limits.MaxStore>>20, info.Store>>20, need>>20)
	case limits.MaxStreams >= 0 && there != nil && limits.MaxStreams-info.Streams < maxStreams:
		return f, fmt.Errorf("the account may have %d streams, and has %d; %d more are needed", limits.MaxStreams, info.Streams, maxStreams)
	}
	f.Found = fmt.Sprintf("on; %d streams in this account", info.Streams)
	return f, nil
}

func (e *engine) probePayload(context.Context) (f Finding, err error) {
	f.About, f.Found = "max_payload", fmt.Sprintf("%d bytes", e.nc.MaxPayload())
	return f, e.fits(e.nc)
}

// probeStream does with a stream of its own what the store does with others.
func (e *engine) probeStream(ctx context.Context) (f Finding, err error) {
	f.About = "permissions"
	const name = "PROBE"
	began := time.Now()
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: e.name(name), Description: "a probe of stanzahook; it may be removed", Subjects: []string{e.outer("probe.>")}, Storage: jetstream.FileStorage,
		Replicas: e.remote.Replicas, Retention: jetstream.WorkQueuePolicy, MaxBytes: 1 << 20, MaxAge: time.Hour,
	})
	if err != nil {
		return f, fmt.Errorf("make stream %s: %w", e.name(name), err)
	}
	defer func() {
		if removed := e.js.DeleteStream(ctx, e.name(name)); removed != nil {
			err = errors.Join(err, fmt.Errorf("remove stream %s: %w", e.name(name), removed))
		}
	}()
	ack, err := e.js.Publish(ctx, e.outer("probe.a"), []byte("x"), jetstream.WithExpectLastSequence(0))
	if err != nil {
		return f, fmt.Errorf("publish to %s: %w", e.outer("probe.a"), err)
	}
	sent := time.Now()
	if _, err = e.js.Publish(ctx, e.outer("probe.b"), []byte("x")); err != nil {
		return f, fmt.Errorf("publish to %s: %w", e.outer("probe.b"), err)
	}
	trip := time.Since(sent)
	r, err := e.fromLeader(ctx, name, ask{Seq: ack.Sequence})
	if err != nil {
		return f, fmt.Errorf("read from stream %s: %w", e.name(name), err)
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "probe", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		return f, fmt.Errorf("make a consumer: %w", err)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(2 * time.Second))
	if err == nil {
		err = m.DoubleAck(ctx)
	}
	if err != nil {
		return f, fmt.Errorf("consume: %w", err)
	}
	if err = stream.DeleteConsumer(ctx, "probe"); err == nil {
		err = stream.Purge(ctx)
	}
	if err != nil {
		return f, fmt.Errorf("purge stream %s: %w", e.name(name), err)
	}
	f.Found = fmt.Sprintf("a stream with %d replicas was made, written, read, consumed and removed; a write takes %v", e.remote.Replicas, trip.Round(10*time.Microsecond))
	// The record was stored between began and now.
	if at := r.Time(); at.Before(began.Add(-clockSlack)) || at.After(sent.Add(clockSlack)) {
		f.Found = fmt.Sprintf("the clocks of NATS and of this machine differ by %v", at.Sub(sent).Round(time.Millisecond))
		f.Advice = "set both by NTP: ages of events and keys are measured by them"
	}
	return f, nil
}

// probeReplicas looks whether what replicas say to each other is heard, and whether somebody
// says something.
func (e *engine) probeReplicas(ctx context.Context, subject string, beat time.Duration) (f Finding, err error) {
	f.About, f.Found = "replicas of "+e.remote.Name, "none is heard"
	sub, err := e.nc.SubscribeSync(e.outer(subject))
	if err != nil {
		return f, fmt.Errorf("subscribe to %s: %w", e.outer(subject), err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends
	const ours = "{}"
	if err := e.nc.Publish(e.outer(subject), []byte(ours)); err != nil {
		return f, fmt.Errorf("publish to %s: %w", e.outer(subject), err)
	}
	for own := false; ; {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case err != nil && own && errors.Is(err, context.DeadlineExceeded):
			return f, nil
		case err != nil:
			return f, fmt.Errorf("what is published to %s is not heard: %w", e.outer(subject), err)
		case string(m.Data) != ours:
			f.InUse, f.Found = true, "a replica is running"
			return f, nil
		case !own:
			own = true
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, beat)
			defer cancel()
		}
	}
}

// probeUse looks whether a process consumes the outbox.
func (e *engine) probeUse(ctx context.Context, outbox string) (f Finding, err error) {
	f.About, f.Found = "streams of "+e.remote.Name, "no instance is using them"
	stream, err := e.js.Stream(ctx, e.name(outbox))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		f.InUse = f.InUse || info.NumWaiting > 0
	}
	if f.InUse {
		f.Found = "an instance is using them"
	}
	return f, list.Err()
}
