//go:build integration && soak

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

const soakConfig = `
components: [{domain: soak.localhost, server: %q, secret: %q}]
endpoints:
  - {name: event, url: %q, match: {to: "event@soak.localhost"}}
  - {name: rest, url: %q, format: rest-json, delivery: queued, match: {to: "rest@soak.localhost"}}
  - {name: module, url: %q, format: component-http, delivery: queued, match: {to: "module@soak.localhost"}}
  - {name: direct, url: %q, delivery: direct, match: {to: "direct@soak.localhost"}}
  - {name: failing, url: %q, match: {to: "failing@soak.localhost"}, retry: {schedule: [20ms]}}
  - {name: bot, match: {to: "bot@soak.localhost"}}
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
drain: 10s
`

// soakPace is between two messages of a user: some 1,200 messages/s of all of them,
// about a quarter of what fits through. A user who has that many without an answer
// waits, on a machine that is busy otherwise.
const (
	soakPace       = 10 * time.Millisecond
	soakUnanswered = 1000
)

// TestSoak runs the program on a real server under steady load below saturation
// for SOAK: six endpoints, of which one fails every twentieth time and one is pulled,
// posts to /rest and /v1/messages, IQs that wait for their answer, and a reload every
// 20 s. Nothing may be lost, come twice or out of order, and memory, descriptors and
// goroutines must not grow without end. The samples go to SOAK_DIR as soak.csv, the
// account as soak.json, also when it fails. What is killed is the matter of the fault
// tests.
func TestSoak(t *testing.T) {
	withoutRace(t)
	long, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Fatalf("SOAK is a duration such as 10m: %v", err)
	}
	s := startServer(t, labOptions(lab.Kind(os.Getenv("SERVER")), "soak"))
	b, failing := newBot(t), newBot(t)
	b.forget, failing.forget = true, true
	var asked atomic.Int64
	failing.do(func(h *hook) (int, string, string) {
		if asked.Add(1)%20 == 0 {
			return http.StatusInternalServerError, "", ""
		}
		return echo(h)
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, soakConfig, s.ComponentAddr(), testSecret, b.url(), b.url(), b.url(), b.url(), failing.url(), filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	var talkers []*talker
	for i, name := range []string{"event", "rest", "module", "direct", "failing", "bot"} {
		for _, user := range testUsers[2*i : 2*i+2] {
			talkers = append(talkers, newTalker(t, s, user, name+"@soak.localhost"))
		}
	}
	rec := &soakRecord{t: t, p: p, csv: filepath.Join(os.Getenv("SOAK_DIR"), "soak.csv")}
	posts, messages := &series{to: "peggy"}, &series{to: "rupert", path: "/v1/messages"}
	t.Cleanup(func() { rec.write(talkers, posts, messages) })
	before := rec.look()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pull, stopPull := context.WithCancel(t.Context())
	defer stopPull()
	var load, reader sync.WaitGroup
	reader.Go(func() {
		soakPull(pull, t, p)
		cancel() // unless it is over anyway, the pull has failed
	})
	for _, k := range talkers {
		load.Go(func() {
			paced(ctx, soakPace, func() {
				if n, e := k.counts(); k.sent-n-e >= soakUnanswered {
					return
				}
				if err := k.trySay(); err != nil {
					t.Error(err)
					cancel()
				}
			})
		})
	}
	probe := login(t, s, "victor")
	load.Go(func() { rec.probe(ctx, probe) })
	boxes := make(map[string]*mailbox)
	for _, one := range []*series{posts, messages} {
		boxes[one.to] = &mailbox{}
		go boxes[one.to].read(t.Context(), login(t, s, one.to))
		load.Go(func() { one.run(ctx, func() *program { return p }, 20*time.Millisecond) })
	}
	load.Go(func() {
		paced(ctx, 100*time.Millisecond, func() {
			if r, err := p.call("POST", "/v1/iq", "", asJSON, `{"to":"localhost","type":"get","ping":true}`); err != nil || r.status != http.StatusOK {
				t.Errorf("a ping: %d %s %v", r.status, r.body, err)
			}
		})
	})
	end := time.After(long)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		select {
		case <-tick.C:
			rec.sample()
			if n%10 == 0 {
				if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			}
			continue
		case <-end:
		}
		break
	}
	cancel()
	load.Wait()
	for _, k := range talkers {
		await(t, k.name+" has all answers", time.Minute, func() bool { n, e := k.counts(); return n+e >= k.sent })
	}
	finish(t, p, []*series{posts, messages}, boxes, nil)
	stopPull()
	reader.Wait()
	rec.settles(before)
	rec.judge()
}

// paced does something at a pace until ctx ends.
func paced(ctx context.Context, pace time.Duration, do func()) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// soakPull answers what it pulls by /rest until ctx ends.
func soakPull(ctx context.Context, t *testing.T, p *program) {
	for cursor := ""; ctx.Err() == nil; {
		query := url.Values{"wait": {"1s"}, "max": {"50"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		r, err := p.call("GET", "/v1/endpoints/bot/events?"+query.Encode(), "", "", "")
		var page pulledPage
		if err == nil {
			err = json.Unmarshal([]byte(r.body), &page)
		}
		if err != nil || r.status != http.StatusOK {
			t.Errorf("pulling: %d %s %v", r.status, r.body, err)
			return
		}
		for _, e := range page.Events {
			body := fmt.Sprintf(`{"kind":"message","type":"chat","id":%q,"from":%q,"to":%q,"body":%q}`, e.ID, e.Data.To, e.Data.From, e.Data.Body)
			if r, err := p.call("POST", "/rest", "", asJSON, body); err != nil || r.status != http.StatusAccepted {
				t.Errorf("answering: %d %s %v", r.status, r.body, err)
				return
			}
		}
		cursor = page.Cursor
	}
}
