//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// readerWorkers is how many requests for events wait at a time; a bound of the program,
// 500 for one caller, allows no reader of its own for each of many endpoints.
const readerWorkers = 32

// readers pull the events of many endpoints, each of which has a cursor.
type readers struct {
	t      testing.TB
	url    string
	client *http.Client
	all    []reader
}

// reader is what is known of one endpoint.
type reader struct {
	cursor string
	ahead  int // events that came with others, and were not waited for
}

func newReaders(t testing.TB, p *harness.Program, n int) *readers {
	return &readers{t: t, url: "http://" + p.Addr + "/v1/endpoints/", all: make([]reader, n),
		client: &http.Client{Timeout: harness.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: readerWorkers}}}
}

// converse writes n messages to the endpoints in turn, at most window of them not yet
// read, and returns when all are read.
func (r *readers) converse(s *leanServer, n, window int, message func(endpoint string) string) {
	r.t.Helper()
	room := make(chan struct{}, window)
	due := make([]chan int, readerWorkers) // of a worker: the endpoints that have one more
	var workers sync.WaitGroup
	for k := range due {
		due[k] = make(chan int, window)
		workers.Go(func() {
			for i := range due[k] {
				if err := r.read(i); err != nil {
					r.t.Errorf("endpoint p%d: %v", i, err)
				}
				<-room
			}
		})
	}
	for i := range n {
		room <- struct{}{}
		s.write(message(fmt.Sprint("p", i%len(r.all))))
		due[i%len(r.all)%readerWorkers] <- i % len(r.all)
	}
	for k := range due {
		close(due[k])
	}
	workers.Wait()
}

// read returns when an event of an endpoint has come that was not counted before. It
// acknowledges those that came with the request before.
func (r *readers) read(i int) error {
	e := &r.all[i]
	if e.ahead > 0 {
		e.ahead--
		return nil
	}
	query := url.Values{"wait": {"30s"}, "max": {"100"}}
	if e.cursor != "" {
		query.Set("cursor", e.cursor)
	}
	resp, err := r.client.Get(fmt.Sprintf("%sp%d/events?%s", r.url, i, query.Encode()))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var page harness.PulledPage
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || len(page.Events) == 0 {
		return fmt.Errorf("%s, %d events", resp.Status, len(page.Events))
	}
	e.cursor, e.ahead = page.Cursor, len(page.Events)-1
	return nil
}
