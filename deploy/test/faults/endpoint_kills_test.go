//go:build integration

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// kill -9 in the middle of a PUT or DELETE of an endpoint: the next process has it as it was
// before or as it is to be, and what was answered holds. What waited is delivered, in order.
func TestKillInPut(t *testing.T) {
	besideOthers(t)
	srv := componenttest.NewServer(t, "bot.example.com", harness.Secret)
	b := load.NewTally(t)
	b.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
	file := configFile(t, srv, t.TempDir())()
	p := harness.LaunchLinked(t, file)
	const path = "/v1/endpoints/echo"
	keys := func(timeout string) string {
		return fmt.Sprintf(`{"url":%q,"match":{"to":"echo@*"},"timeout":%q,"retry":{"schedule":["%s"]}}`, b.URL(), timeout, strings.Join(load.ManySteps, `","`))
	}
	call := func(p *harness.Program, method, body string) int {
		r, err := p.Call(method, path, "", "application/json", body)
		if err != nil {
			return 0 // killed before the answer
		}
		return r.Status
	}
	timeout := func() string { // of the endpoint as the process has it; "none": there is none
		r, err := p.Call(http.MethodGet, path, "", "", "")
		var e struct{ Keys struct{ Timeout string } }
		switch {
		case err == nil && r.Status == http.StatusNotFound:
			return "none"
		case err != nil || r.Status != http.StatusOK || json.Unmarshal([]byte(r.Body), &e) != nil:
			t.Fatalf("%v %+v", err, r)
		}
		return e.Keys.Timeout
	}
	if status := call(p, http.MethodPut, keys("10s")); status != http.StatusCreated {
		t.Fatal(status)
	}
	c := load.NewCrowd(srv, b, "user", "echo@bot.example.com", 20)
	const n = 200
	for i := range n {
		if err := c.Put(i % 20); err != nil {
			t.Fatal(err)
		}
	}
	p.AwaitStored("echo", n)
	for round, next := range []string{"11s", "12s", "none", "13s", "none"} {
		before, answer := timeout(), make(chan int, 1)
		go func(p *harness.Program) {
			if next == "none" {
				answer <- call(p, http.MethodDelete, "")
			} else {
				answer <- call(p, http.MethodPut, keys(next))
			}
		}(p)
		time.Sleep(time.Duration(round) * 2 * time.Millisecond) // until somewhere in the middle
		p.Kill()
		status := <-answer
		p = harness.LaunchLinked(t, file)
		if now := timeout(); now != next && (now != before || status != 0) {
			t.Errorf("round %d: answered %d; the timeout was %s, is to be %s, and is %s", round, status, before, next, now)
		}
	}
	b.AnswerWith(nil)
	if status := call(p, http.MethodPut, keys("14s")); status/100 != 2 {
		t.Fatal(status)
	}
	load.AwaitAccepted(t, b.Accepted, n)
	b.Complete(c.SentBy, false)
	p.StopWell()
}

// kill -9 between PUT and DELETE of an endpoint, and after DELETE, while users write: the
// endpoint is there after the one, and gone after the other. What was stored is delivered
// when the endpoint is there, in order, once it is put back; see accountOfKills.
func TestKillBetweenPutAndDelete(t *testing.T) {
	besideOthers(t)
	rounds, each, window, users := 2, 150, 300, 100
	if harness.FullFaults() {
		rounds, each, window = 20, 2_000, 4000
	}
	srv := componenttest.NewServer(t, "bot.example.com", harness.Secret)
	b, dir := load.NewTally(t), t.TempDir()
	file := configFile(t, srv, dir)()
	c := load.NewCrowd(srv, b, "user", "echo@bot.example.com", users)
	var p *harness.Program
	call := func(want int, method, body string) {
		t.Helper()
		if r, err := p.Call(method, "/v1/endpoints/echo", "", "application/json", body); err != nil || r.Status != want {
			t.Fatalf("%s: %v %+v, want %d", method, err, r, want)
		}
	}
	keys := fmt.Sprintf(`{"url":%q,"match":{"to":"echo@*"}}`, b.URL())
	var crashes []crash
	from := 0
	// write lets the users write until some more messages are accepted, and then calls a function.
	write := func(then func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var sender sync.WaitGroup
		sender.Go(func() { c.Run(ctx, 0, window) })
		awaitCount(t, b.Accepted, b.Accepted()+each)
		then()
		cancel()
		sender.Wait()
	}
	// killed notes what the store has after a kill.
	killed := func(at time.Time) {
		t.Helper()
		held, waiting := load.StoredEvents(t, filepath.Join(dir, "store"), "echo"), 0
		crashes = append(crashes, crash{at, from, len(c.Sent), held})
		for text := range held {
			if !b.Has(text) {
				waiting++
			}
		}
		from, c.Gone = len(c.Sent), len(c.Sent)-b.Accepted()-waiting
	}
	// passed waits until everything sent so far was passed to its endpoint: what comes later is
	// for nobody, and is answered with an error.
	passed := func(id string) {
		t.Helper()
		srv.Send("<iq type='get' id='" + id + "' from='user0@example.com/r' to='bot.example.com'><ping xmlns='urn:xmpp:ping'/></iq>")
		srv.ExpectID(id)
	}
	for round := range rounds {
		p = harness.LaunchLinked(t, file)
		call(http.StatusCreated, http.MethodPut, keys)
		var at time.Time
		write(func() { at = time.Now(); p.Kill() })
		killed(at)
		p = harness.LaunchLinked(t, file)
		call(http.StatusOK, http.MethodPut, keys)
		write(func() {})
		passed(fmt.Sprint("ping", round))
		call(http.StatusNoContent, http.MethodDelete, "")
		at = time.Now()
		p.Kill()
		killed(at)
	}
	p = harness.LaunchLinked(t, file)
	call(http.StatusNotFound, http.MethodGet, "")
	call(http.StatusCreated, http.MethodPut, keys)
	c.Gone = len(c.Sent)
	c.Run(t.Context(), users, window)
	crashes = append(crashes, crash{at: time.Now().Add(time.Hour), from: from, to: len(c.Sent)}) // none, in fact
	for i := range users {
		last := load.NumberedText(c.User(i), c.Next[i]-1)
		harness.Eventually(t, last+" is accepted", func() bool { return b.Has(last) })
	}
	p.StopWell()
	if left := load.StoredEvents(t, filepath.Join(dir, "store"), "echo"); len(left) > 0 {
		t.Errorf("%d events are still in the store", len(left))
	}
	accountOfKills(t, c, crashes)
}
