//go:build linux

// Command soak runs stanzahook under steady load for a long time: see "make soak".
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

const soakConfig = `
components: [{domain: soak.localhost, server: %q, secret: %q}]
endpoints:
  - {name: event, url: %q, match: {to: "event@soak.localhost"}}
  - {name: json, url: %q, format: rest-json, delivery: queued, match: {to: "json@soak.localhost"}}
  - {name: xml, url: %q, format: rest-xml, delivery: queued, match: {to: "xml@soak.localhost"}}
  - {name: module, url: %q, format: component-http, delivery: queued, match: {to: "module@soak.localhost"}}
  - {name: direct, url: %q, stanzas: [message, iq], delivery: direct, match: {to: "direct@soak.localhost"}}
  - {name: failing, url: %q, match: {to: "failing@soak.localhost"}, retry: {schedule: [20ms]}}
  - {name: bot, match: {to: "bot@soak.localhost"}}
rosters:
  - {host: localhost, url: "%s/contacts/%%s", refresh_on_login: false%s}
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
drain: 10s
`

// A user who has soakUnanswered messages without an answer waits, on a machine that is
// busy otherwise.
const soakUnanswered = 1000

func main() {
	if !harness.Measure("soak", soak) {
		os.Exit(1)
	}
}

// soak runs the program on a real server under steady load for SOAK: two users
// each for seven endpoints, of which one fails every twentieth time and one is pulled,
// RATE messages/s in all, posts to /rest and /v1/messages, IQs both ways that wait for
// their answers, rosters that change, and a reload every 20 s. Nothing may be lost,
// come twice or out of order, and memory, descriptors and goroutines must not grow
// without end. The samples go to SOAK_DIR as soak.csv, the account as soak.json, also
// when it fails. What is killed is the matter of the fault tests.
func soak(t *harness.Measurement) {
	harness.WithoutRace(t)
	long, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Fatalf("SOAK is a duration such as 10m: %v", err)
	}
	rate, err := strconv.Atoi(os.Getenv("RATE"))
	if err != nil || rate < 1 {
		t.Fatalf("RATE is the messages/s of all users, such as 1200: %q", os.Getenv("RATE"))
	}
	kind := lab.Kind(os.Getenv("SERVER"))
	s := harness.StartServer(t, harness.RosterOptions(kind, harness.Users, harness.Privileged("soak")))
	b, failing := harness.NewBot(t), harness.NewBot(t)
	b.Forget, failing.Forget = true, true
	b.AnswerWith(soakEcho)
	var asked atomic.Int64
	failing.AnswerWith(func(h *harness.Hook) (int, string, string) {
		if asked.Add(1)%20 == 0 {
			return http.StatusInternalServerError, "", ""
		}
		return harness.EchoAnswer(h)
	})
	app := harness.NewContactsApp(t)
	api := ""
	if kind == lab.Ejabberd {
		api = fmt.Sprintf(`, ejabberd_api: {url: "%s", user: %s@localhost, password: %s}`, s.APIURL(), harness.RosterAdmin, harness.RosterPassword)
	}
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(soakConfig, s.ComponentAddr(), harness.Secret, b.URL(), b.URL(), b.URL(), b.URL(), b.URL(), failing.URL(), app.Server.URL, api, filepath.Join(dir, "store")))
	p := harness.LaunchLinked(t, file)
	var talkers []*load.Talker
	for i, name := range []string{"event", "json", "xml", "module", "direct", "failing", "bot"} {
		for _, user := range harness.Users[2*i : 2*i+2] {
			talkers = append(talkers, load.NewTalker(t, s, user, name+"@soak.localhost"))
		}
	}
	pace := time.Duration(len(talkers)) * time.Second / time.Duration(rate)
	rec := &soakRecord{t: t, p: p, csv: filepath.Join(os.Getenv("SOAK_DIR"), "soak.csv")}
	posts, messages := &load.Series{To: "sybil"}, &load.Series{To: "trent", Path: "/v1/messages"}
	t.Cleanup(func() { rec.write(talkers) })
	before := rec.look()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pull, stopPull := context.WithCancel(t.Context())
	defer stopPull()
	var writers, reader sync.WaitGroup
	reader.Go(func() {
		soakPull(pull, t, p)
		cancel() // unless it is over anyway, the pull has failed
	})
	for _, k := range talkers {
		writers.Go(func() {
			paced(ctx, pace, func() {
				if n, e := k.Counts(); k.Sent-n-e >= soakUnanswered {
					return
				}
				if err := k.TrySay(); err != nil {
					t.Error(err)
					cancel()
				}
			})
		})
	}
	probe := harness.Login(t, s, "victor")
	writers.Go(func() { rec.probe(ctx, probe) })
	boxes := make(map[string]*load.Mailbox)
	for _, one := range []*load.Series{posts, messages} {
		boxes[one.To] = &load.Mailbox{}
		go boxes[one.To].Read(t.Context(), harness.Login(t, s, one.To))
		writers.Go(func() { one.Run(ctx, p, 20*time.Millisecond) })
	}
	asker := harness.Login(t, s, "walter")
	writers.Go(func() { rec.ask(ctx, asker) })
	writers.Go(func() { rec.ping(ctx) })
	writers.Go(func() { rec.refresh(ctx, app, "wendy", "xavier") })
	end := time.After(long)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		select {
		case <-tick.C:
			rec.sample()
			if n%10 == 0 {
				if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			}
			continue
		case <-end:
		}
		break
	}
	cancel()
	writers.Wait()
	for _, k := range talkers {
		harness.Await(t, k.Name+" has all answers", time.Minute, func() bool { n, e := k.Counts(); return n+e >= k.Sent })
	}
	rec.posts = load.Finish(t, p, []*load.Series{posts, messages}, boxes)
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
