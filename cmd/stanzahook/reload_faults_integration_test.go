//go:build integration

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stanzahook/component/componenttest"
)

// kill -9 in the middle of a reload that changes, adds or removes endpoints: the next
// process works by the new file, and what waited is delivered, in order.
func TestKillInReload(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", testSecret)
	b, dir := newTally(t), t.TempDir()
	b.do(answerStatus(http.StatusServiceUnavailable))
	conf := t.TempDir()
	write := func(endpoints ...queueEndpoint) string {
		file := filepath.Join(conf, "stanzahook.yaml")
		if err := os.Rename(queueConfig(t, srv.Addr(), "bot.example.com", testSecret, filepath.Join(dir, "store"), endpoints...), file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	echo := queueEndpoint{name: "echo", to: "echo@*", bot: b, schedule: manySteps}
	changed := queueEndpoint{name: "echo", to: "echo@*", bot: b, schedule: slices.Repeat(manySteps, 2)}
	other := queueEndpoint{name: "other", to: "other@*", bot: b, schedule: manySteps}
	p := startLinked(t, write(echo))
	c := newCrowd(srv, b, "user", "echo@bot.example.com", 20)
	const n = 200
	for i := range n {
		if err := c.put(i % 20); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all is stored", func() bool { return p.queued("echo") == n })

	for round, endpoints := range [][]queueEndpoint{{changed}, {echo, other}, {other}, {echo}, {other}, {changed, other}, {echo}, {other}, {echo}} {
		file := write(endpoints...)
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(round%5) * time.Millisecond) // until somewhere in the middle
		p.kill()
		p = startLinked(t, file)
	}
	if got := p.queued("echo"); got != n {
		t.Errorf("%d of %d events are still there", got, n)
	}
	b.do(nil)
	awaitAccepted(t, b.accepted, n)
	b.complete(c.sentBy, false)
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A reload while the disk is full is taken, or refused as a whole with the reason;
// either way what is in the queue is delivered when there is room.
func TestReloadOnAFullDisk(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", testSecret)
	b, added, back, dir := newTally(t), newTally(t), newTally(t), smallDisk(t, "64m")
	b.do(answerStatus(http.StatusServiceUnavailable))
	back.do(answerStatus(http.StatusServiceUnavailable))
	conf := t.TempDir()
	write := func(endpoints ...queueEndpoint) string {
		file := filepath.Join(conf, "stanzahook.yaml")
		if err := os.Rename(queueConfig(t, srv.Addr(), "bot.example.com", testSecret, filepath.Join(dir, "store"), endpoints...), file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	echo := queueEndpoint{name: "echo", to: "echo@*", bot: b, schedule: manySteps}
	changed := queueEndpoint{name: "echo", to: "echo@*", bot: b, schedule: slices.Repeat(manySteps, 2)}
	other := queueEndpoint{name: "other", to: "other@*", bot: added, schedule: manySteps}
	removed := queueEndpoint{name: "removed", to: "removed@*", bot: back, schedule: manySteps}
	p := startLinked(t, write(echo, removed))
	crowds := []*crowd{newCrowd(srv, b, "user", "echo@bot.example.com", 10), newCrowd(srv, back, "more", "removed@bot.example.com", 10), newCrowd(srv, added, "else", "other@bot.example.com", 10)}
	const n = 100
	put := func(c *crowd) {
		t.Helper()
		for i := range n {
			if err := c.put(i % 10); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(crowds[0])
	put(crowds[1])
	eventually(t, "all is stored", func() bool { return p.queued("echo") == n && p.queued("removed") == n })
	reload := func(endpoints ...queueEndpoint) string {
		t.Helper()
		write(endpoints...)
		count := func() (int, string) {
			times, last := 0, ""
			for _, e := range p.log.entries() {
				if strings.HasPrefix(e.Msg, "the configuration ") {
					times, last = times+1, e.Msg
				}
			}
			return times, last
		}
		before, _ := count()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the reload is over", func() bool { now, _ := count(); return now > before })
		_, said := count()
		t.Log(said)
		return said
	}

	reload(echo) // the events of the other wait for its return
	free := fillDisk(t, dir)
	p.awaitNotReady("disk")
	if said := reload(changed); !strings.Contains(said, "was read again") {
		t.Errorf("a reload that needs no room: %s", said)
	}
	for range 2 {
		for _, said := range []string{reload(echo, removed, other), reload(other, removed)} {
			if !strings.Contains(said, "could not be read again") {
				t.Errorf("a reload that needs room for another queue: %s", said)
			}
		}
	}
	asked := back.requests.Load()
	reload(changed)
	free()
	p.awaitReady()
	if now := back.requests.Load(); now != asked {
		t.Errorf("an endpoint that is not in the configuration was asked %d times", now-asked)
	}
	if said := reload(echo, removed, other); !strings.Contains(said, "was read again") {
		t.Errorf("a reload when there is room: %s", said)
	}
	put(crowds[2])
	b.do(nil)
	back.do(nil)
	awaitAccepted(t, func() int { return b.accepted() + back.accepted() + added.accepted() }, 3*n)
	for _, c := range crowds {
		c.bot.complete(c.sentBy, true)
	}
	if len(errorsSent(t, srv)) > 0 {
		t.Errorf("%d senders got errors", len(errorsSent(t, srv)))
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// queued counts the events of an endpoint that wait, also those that have been tried.
func (p *program) queued(endpoint string) int {
	p.t.Helper()
	r, err := p.call("GET", "/v1/endpoints/"+endpoint, "token-admin", "", "")
	var e struct{ Queued int }
	if err == nil {
		err = json.Unmarshal([]byte(r.body), &e)
	}
	if err != nil || r.status != http.StatusOK {
		p.t.Fatalf("the endpoint %s: %d %s %v", endpoint, r.status, r.body, err)
	}
	return e.Queued
}
