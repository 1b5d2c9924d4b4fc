package store_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// A store that was written before there were buckets, when the key-value buckets of NATS
// were used for some records, opens, and has all that was in it.
func TestStoreOfEarlierVersion(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join("testdata", "earlier.tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	core, logs := observer.New(zap.WarnLevel)
	const always = 200 * 365 * 24 * time.Hour // as it was written: what it has must not be too old
	s := openWith(t, store.Options{Dir: filepath.Join(dir, "store"),
		OutboxBytes: 1 << 20, OutboxCount: 100, LogKeep: always, DeadKeep: always, JobKeep: always, Log: zap.New(core)})
	defer s.Close()
	if logs.Len() > 0 {
		t.Errorf("log %v", logs.All())
	}
	at := time.UnixMilli(1_700_000_000_000)

	q := queue(t, s, "echo")
	var waiting []string
	for c := range 7 {
		for _, r := range read(t, q, c) {
			waiting = append(waiting, r.ID)
		}
	}
	if slices.Sort(waiting); !slices.Equal(waiting, []string{"evt_10", "evt_14", "evt_15", "evt_16", "evt_17", "evt_18", "evt_19", "evt_20", "evt_3"}) {
		t.Errorf("events %q", waiting)
	}

	out := make(chan *store.OutgoingDelivery, 3)
	stop, err := s.Outbox().Consume(ctx, "bot.example.com", func(d *store.OutgoingDelivery) { out <- d })
	require.NoError(t, err)
	defer stop()
	for _, want := range []store.Outgoing{
		{ID: "out0", Component: "bot.example.com", Queued: at, Stanza: "<message id='0'/>"},
		{ID: "out1", Component: "bot.example.com", Queued: at, Stanza: "<message id='1'/>"},
		{ID: "out2", Component: "bot.example.com", Queued: at, Stanza: "<message id='2'/>"},
	} {
		if d := <-out; d.Outgoing != want {
			t.Errorf("outbox record %+v, want %+v", d.Outgoing, want)
		}
	}

	d, _, err := s.DeadLetters().Get(ctx, "evt_dead1")
	if err != nil || d.Reason != "too old" || !d.Died.Equal(at) || len(d.Attempts) != 1 || d.Attempts[0] != (deliverylog.Attempt{Time: at, Status: 500, Duration: time.Second, Error: "HTTP 500", Answer: "no", ContentType: "text/plain", Note: "a note"}) {
		t.Errorf("dead letter %+v %v", d, err)
	}
	for endpoint, want := range map[string]int{"echo": 2, "": 1} {
		if n, err := s.DeadLetters().Count(ctx, endpoint); n != want || err != nil {
			t.Errorf("%q has %d dead letters, want %d (%v)", endpoint, n, want, err)
		}
	}

	delivery, err := s.DeliveryLog().Get(ctx, "evt_1")
	var statuses []int
	for _, a := range delivery.Attempts {
		statuses = append(statuses, a.Status)
	}
	if err != nil || delivery.State != deliverylog.Delivered || delivery.Stanza != "<message/>" || !slices.Equal(statuses, []int{503, 500, 200}) {
		t.Errorf("delivery %+v %v", delivery, err)
	}

	if st, err := s.Endpoints().Get(ctx, "echo"); err != nil || !st.Disabled || st.Reason != "by an operator" || !st.Since.Equal(at) {
		t.Errorf("endpoint %+v %v", st, err)
	}
	if has, err := s.Features().Get(ctx, "example.com"); err != nil || !maps.EqualFunc(has, store.HostFeatures{"urn:xmpp:ping": {}, "gone": at}, time.Time.Equal) {
		t.Errorf("features %v %v", has, err)
	}
	if all, err := s.Subscribers().All(ctx); err != nil || !slices.Equal(all, []store.Subscriber{{Bot: "a@bot.example.com", User: "u@example.com"}}) {
		t.Errorf("subscribers %v %v", all, err)
	}
	data, revision, err := s.Rosters().Get(ctx, "romeo", "example.com")
	if err != nil || string(data) != "roster" {
		t.Errorf("roster %q %v", data, err)
	}
	if _, err := s.Rosters().Put(ctx, "romeo", "example.com", []byte("new"), revision); err != nil {
		t.Errorf("replace the roster: %v", err)
	}
	if job, err := s.Rosters().Job(ctx, "job1"); err != nil || string(job) != `{"n":1}` {
		t.Errorf("job %q %v", job, err)
	}
	if err := s.Subscribers().Remove(ctx, store.Subscriber{Bot: "a@bot.example.com", User: "u@example.com"}); err != nil {
		t.Error(err)
	}
	if all, err := s.Subscribers().All(ctx); err != nil || len(all) > 0 {
		t.Errorf("subscribers after all were removed: %v %v", all, err)
	}
}
