//go:build integration

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// kill -9 in the middle of a PUT or DELETE of an endpoint: the next process has it as it was
// before or as it is to be, and what was answered holds. What waited is delivered, in order.
func TestKillInPut(t *testing.T) {
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
	harness.Eventually(t, "all is stored", func() bool { return p.Queued("echo") == n })
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
