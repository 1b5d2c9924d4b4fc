package roster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// static is a source that always says the same.
type static string

func (s static) ID() string { return "static" }

func (s static) Fetch(_ context.Context, owner jid.JID, _ string) (roster.Wanted, error) {
	r, err := roster.Decode([]byte(s), owner)
	return roster.Wanted{Roster: r, Answer: []byte(s)}, err
}

// still is a rig without HTTP, for a bubble of synctest.
func still(t testing.TB, answer string, concurrency int) *rig {
	return newRig(t, func(o *roster.Options, _ *roster.Backends) {
		o.Source, o.Concurrency, o.Log = static(answer), concurrency, zap.NewNop()
	})
}

// However many ask during a refresh, one comes after it.
func TestOneAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 4)
		r.server.Slow = time.Second
		var wg sync.WaitGroup
		ask := func() {
			wg.Go(func() {
				if o, err := r.Refresh(t.Context(), john, false); err != nil || o.Result != roster.Unchanged {
					t.Errorf("%v, %v", o, err)
				}
			})
		}
		ask()
		synctest.Wait() // it has begun
		for range 10 {
			ask()
		}
		wg.Wait()
		if r.server.Reads() != 2 || r.Running() != 0 {
			t.Errorf("%d refreshes, %d under way", r.server.Reads(), r.Running())
		}
	})
}

// A refresh that has not begun yet is the one of all who ask; force counts.
func TestJoinsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 1)
		for i := range 20 {
			r.server.Put(john, item(fmt.Sprintf("c%d@example.com", i), "", roster.Both))
		}
		r.server.Slow = time.Second
		var wg sync.WaitGroup
		refresh := func(user string, force bool, want roster.Result) {
			wg.Go(func() {
				if o, err := r.Refresh(t.Context(), jid.MustParse(user), force); err != nil || o.Result != want {
					t.Errorf("%s: %v, %v", user, o, err)
				}
			})
			synctest.Wait()
		}
		refresh("first@example.com", false, roster.Unchanged) // takes the one place
		refresh("john@example.com", false, roster.Applied)
		refresh("john@example.com", true, roster.Applied)
		refresh("john@example.com", false, roster.Applied)
		wg.Wait()
		if r.server.Reads() != 3 { // of first, and of john before and after
			t.Errorf("%d reads", r.server.Reads())
		}
	})
}

// Who does not want to wait any longer goes; the refresh goes on.
func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{"marie@example.com": {}}`, 1)
		r.server.Slow = time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Refresh(ctx, john, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		want(t, "after it", r.server.Changes(), `set marie@example.com ("", groups [], subscription both)`)
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 1)
		r.server.Slow = time.Second
		go func() {
			if o, err := r.Refresh(context.Background(), john, false); err != nil || o.Result != roster.Unchanged {
				t.Errorf("what was under way: %v, %v", o, err)
			}
		}()
		synctest.Wait()
		r.Stop(t.Context())
		if _, err := r.Refresh(t.Context(), john, false); !errors.Is(err, gateway.ErrStopping) {
			t.Error(err)
		}
	})
}

// At the end of the time there is for it, what is under way is broken off.
func TestStopInTime(t *testing.T) {
	hang, asked := make(chan struct{}), make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-hang
	}))
	defer srv.Close()
	defer close(hang)
	r := newRig(t, func(o *roster.Options, _ *roster.Backends) {
		o.Source = &roster.HTTPSource{URL: srv.URL + "/%s", Timeout: time.Minute, Client: http.DefaultClient}
	})
	done := make(chan error, 1)
	go func() {
		_, err := r.Refresh(context.Background(), john, false)
		done <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Stop(ctx)
	if err := <-done; !errors.Is(err, gateway.ErrStopping) {
		t.Error(err)
	}
}

func TestNotOurs(t *testing.T) {
	r := still(t, `{}`, 1)
	for _, text := range []string{"john@example.org", "example.com", "john@example.com/phone"} {
		if _, err := r.Refresh(t.Context(), jid.MustParse(text), false); err == nil {
			t.Errorf("%s was refreshed", text)
		}
	}
}

func TestJobs(t *testing.T) {
	r := newRig(t, nil)
	rosters := roster.New(r.cache, zap.NewNop(), r.Syncer)
	for i := range 100 {
		r.app.says(fmt.Sprintf("u%d", i), `{"marie@example.com": {}}`)
	}
	r.app.says("u7", "!")
	var owners []jid.JID
	for i := range 100 {
		owners = append(owners, jid.MustParse(fmt.Sprintf("u%d@example.com", i)))
	}
	run, err := rosters.Start(t.Context(), append(owners, owners[3]), roster.JobOptions{Keep: true})
	require.NoError(t, err)
	<-run.Done()
	j, ok, err := rosters.Job(t.Context(), run.Snapshot().ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if j.State != roster.JobDone || j.Total != 100 || j.Done != 100 || j.Updated != 99 || j.Errors != 1 || len(j.Results) != 100 || j.Ended.IsZero() {
		t.Errorf("%+v", j)
	}
	for _, one := range j.Results {
		if (one.User == "u7@example.com") != (one.Result == roster.SourceError) {
			t.Errorf("%+v", one)
		}
	}
	r.app.says("u7", `{}`)
	again, err := rosters.Start(t.Context(), owners, roster.JobOptions{})
	require.NoError(t, err)
	<-again.Done()
	if j := again.Snapshot(); j.Updated != 100 || r.Counters.Count(roster.Unchanged) != 100 {
		t.Errorf("%d of them updated, %d unchanged", j.Updated, r.Counters.Count(roster.Unchanged))
	}
	if _, ok, err := rosters.Job(t.Context(), again.Snapshot().ID); ok || err != nil {
		t.Error("a job that was not to be kept is", ok, err)
	}
	if _, err := rosters.Start(t.Context(), []jid.JID{jid.MustParse("a@example.org")}, roster.JobOptions{}); err == nil {
		t.Error("a host that is not ours")
	}
}

// A job that the process did not live to end is interrupted, and shows how far
// it got.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 1)
		rosters := roster.New(r.cache, zap.NewNop(), r.Syncer)
		r.server.Slow = time.Second
		var owners []jid.JID
		for i := range 10 {
			owners = append(owners, jid.MustParse(fmt.Sprintf("u%d@example.com", i)))
		}
		run, err := rosters.Start(t.Context(), owners, roster.JobOptions{Keep: true})
		require.NoError(t, err)
		time.Sleep(5500 * time.Millisecond)
		killed := roster.New(r.cache, zap.NewNop(), r.Syncer) // another process, with what is stored
		j, ok, err := killed.Job(t.Context(), run.Snapshot().ID)
		if err != nil || !ok || j.State != roster.JobInterrupted || j.Done != 3 && j.Done != 4 || j.Total != 10 {
			t.Errorf("%+v, %v, %v", j, ok, err)
		}
		rosters.Stop(t.Context())
		if j, _, _ := rosters.Job(t.Context(), run.Snapshot().ID); j.State != roster.JobInterrupted || j.Done < 5 || j.Done == 10 {
			t.Errorf("after a stop: %+v", j)
		}
	})
}

func TestLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 4)
		l := roster.NewLogins(r.Syncer, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { l.Run(ctx) })
		phone, laptop := jid.MustParse("john@example.com/phone"), jid.MustParse("john@example.com/laptop")
		reads := func(what string, want int) {
			t.Helper()
			time.Sleep(10 * time.Second)
			if r.server.Reads() != want {
				t.Errorf("%s: %d refreshes, want %d", what, r.server.Reads(), want)
			}
		}
		for i := range 1000 { // what the server repeats when we connect
			l.Presence(jid.MustParse(fmt.Sprintf("u%d@example.com/x", i)), true, true)
		}
		reads("repeated", 0)
		l.Presence(phone, true, false)
		l.Presence(laptop, true, false)
		reads("two clients at once", 1)
		l.Presence(phone, true, false)
		reads("another status", 1)
		l.Presence(phone, false, false)
		reads("offline", 1)
		l.Presence(phone, true, false)
		reads("online again", 2)
		time.Sleep(20 * time.Minute)
		l.Presence(laptop, true, false)
		reads("online again, and nobody has said that it was offline", 3)
		cancel()
		wg.Wait()
	})
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := still(t, `{}`, 4)
		for _, user := range []string{"a", "b", "c"} {
			r.refreshOf(t, jid.MustParse(user+"@example.com"), false)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.Every(ctx, time.Hour) })
		time.Sleep(150 * time.Minute)
		cancel()
		wg.Wait()
		if r.server.Reads() != 9 {
			t.Errorf("%d refreshes", r.server.Reads())
		}
	})
}

func TestOwner(t *testing.T) {
	one, _ := rostertest.New("example.com")
	two, _ := rostertest.New("example.com", "example.org")
	for _, tc := range []struct {
		r          *roster.Rosters
		name, host string
		want       string
	}{
		{one, "John", "", "john@example.com"},
		{one, "john@example.com/phone", "", "john@example.com"},
		{two, "john", "example.org", "john@example.org"},
		{two, "john@EXAMPLE.org", "", "john@example.org"},
		{two, "john", "", `"john" has no host; write name@host, or set host= to one of example.com, example.org`},
		{one, "john@example.net", "", `"john@example.net" is not a user of a host with rosters (example.com)`},
		{one, "@example.com", "", `jid "@example.com": localpart: is empty`},
		{one, "a b", "", `jid "a b@example.com": localpart: contains a space`},
		{one, "", "", `jid "@example.com": localpart: is empty`},
	} {
		owner, err := tc.r.Owner(tc.name, tc.host)
		got := owner.String()
		if err != nil {
			got = err.Error()
		}
		want(t, tc.name, got, tc.want)
	}
}

func TestView(t *testing.T) {
	r := newRig(t, nil)
	r.app.says("john", `{"marie@example.com": {"name": "Marie"}, "zoe@example.com": {}}`)
	v, err := r.View(t.Context(), john)
	if err != nil || v.Wanted != nil || len(v.Actual) != 0 || v.Last.Result != "" {
		t.Errorf("before: %+v, %v", v, err)
	}
	r.refresh(t)
	r.server.Put(john, item("marie@example.com", "Maria", roster.To))
	r.server.Drop(john, jid.MustParse("zoe@example.com"))
	v, err = r.View(t.Context(), john)
	if err != nil || v.ReadErr != nil || len(v.Wanted) != 2 || shown(v.Actual) != `marie@example.com ("Maria", groups [], subscription to)` || v.Last.Result != roster.Applied || v.Backend != "privilege" {
		t.Errorf("edited: %+v, %v", v, err)
	}
	c, err := r.Preview(t.Context(), john)
	want(t, "preview", fmt.Sprint(c, err), "1 added, 1 renamed <nil>")
	r.server.Fail = func(string, jid.JID, jid.JID) error { return gateway.ErrDown }
	v, err = r.View(t.Context(), john)
	if err != nil || !errors.Is(v.ReadErr, gateway.ErrDown) || len(v.Actual) != 2 || v.ReadAt.IsZero() {
		t.Errorf("no link: %+v, %v", v, err)
	}
	r.app.says("john", "!")
	var bad *roster.SourceFailure
	if _, err := r.Preview(t.Context(), john); !errors.As(err, &bad) {
		t.Error(err)
	}
}
