package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

const (
	// JobKeep is how long a job is kept.
	JobKeep = 24 * time.Hour
	// saveEvery is how often the progress of a job is stored.
	saveEvery = 2 * time.Second
	// maxJobs bounds the running jobs.
	maxJobs = 100
	// maxJobsOf bounds the running jobs of one caller.
	maxJobsOf = maxJobs / 4
)

// JobStore keeps jobs for [JobKeep].
type JobStore interface {
	PutJob(ctx context.Context, id string, data []byte) error
	// Job returns nil for an unknown job.
	Job(ctx context.Context, id string) ([]byte, error)
}

// ErrTooMany means that too many jobs are running.
var ErrTooMany = errors.New("too many roster jobs are running")

// Jobs runs jobs. It stores their progress every two seconds.
//
// Killed during a job: the job is interrupted, and its stored progress is shown.
// Refreshing the same owners again does the rest; rosters that are right stay
// unchanged.
type Jobs struct {
	Store JobStore
	Log   *zap.Logger

	mu      sync.Mutex
	hosts   []*Syncer // in the order of the configuration
	running map[string]*Running
	stopped bool
	wg      sync.WaitGroup
}

// JobOptions are the options of a job.
type JobOptions struct {
	Force bool // see [Syncer.Refresh]
	Keep  bool // store the job, so that its ID can be looked up

	// Caller is who starts the job. One caller may have a quarter of the running
	// jobs; jobs without a caller are not limited.
	Caller string
}

// Start starts a job. An owner that is named twice is refreshed once. Every
// owner's host must be configured. A job with Keep is stored before Start
// returns. Errors: gateway.ErrStopping, ErrTooMany, and those of the store.
func (js *Jobs) Start(ctx context.Context, owners []jid.JID, o JobOptions) (*Running, error) {
	seen := make(map[jid.JID]bool, len(owners))
	byHost := make(map[*Syncer][]jid.JID)
	for _, o := range owners {
		h := js.host(o.Domain())
		if h == nil {
			return nil, fmt.Errorf("no rosters are configured for %s", o.Domain())
		}
		if !seen[o] {
			seen[o] = true
			byHost[h] = append(byHost[h], o)
		}
	}
	r := &Running{keep: o.Keep, caller: o.Caller, done: make(chan struct{})}
	r.job = Job{ID: "job_" + ulid.Make().String(), State: JobRunning, Total: len(seen), Started: time.Now().UTC()}
	if err := js.admit(r); err != nil {
		return nil, err
	}
	if err := js.save(ctx, r); err != nil {
		js.remove(r)
		return nil, err
	}
	go func() {
		defer js.remove(r)
		js.run(r, byHost, o.Force)
	}()
	return r, nil
}

// admit adds a job to the running ones.
func (js *Jobs) admit(r *Running) error {
	js.mu.Lock()
	defer js.mu.Unlock()
	switch {
	case js.stopped:
		return gateway.ErrStopping
	case len(js.running) >= maxJobs:
		return ErrTooMany
	case r.caller != "" && js.runningFor(r.caller) >= maxJobsOf:
		return fmt.Errorf("%w: %d of this caller's", ErrTooMany, maxJobsOf)
	case js.running == nil:
		js.running = make(map[string]*Running)
	}
	js.running[r.job.ID] = r
	js.wg.Add(1)
	return nil
}

// runningFor returns how many jobs of a caller run. js.mu is held.
func (js *Jobs) runningFor(caller string) int {
	n := 0
	for _, r := range js.running {
		if r.caller == caller {
			n++
		}
	}
	return n
}

// Running returns how many jobs run, and how many may.
func (js *Jobs) Running() (running, most int) {
	js.mu.Lock()
	defer js.mu.Unlock()
	return len(js.running), maxJobs
}

func (js *Jobs) remove(r *Running) {
	js.mu.Lock()
	delete(js.running, r.job.ID)
	js.mu.Unlock()
	close(r.done)
	js.wg.Done()
}

// run runs a job until it is done, or the syncers stop.
func (js *Jobs) run(r *Running, byHost map[*Syncer][]jid.JID, force bool) {
	var workers sync.WaitGroup
	for h, owners := range byHost {
		var mu sync.Mutex
		next := func() (jid.JID, bool) {
			mu.Lock()
			defer mu.Unlock()
			if len(owners) == 0 {
				return jid.JID{}, false
			}
			o := owners[0]
			owners = owners[1:]
			return o, true
		}
		for range min(len(owners), h.options().Concurrency) {
			workers.Go(func() {
				for o, ok := next(); ok && !r.interrupted(); o, ok = next() {
					out, err := h.Refresh(context.Background(), o, force)
					if err != nil {
						return // stopping
					}
					r.add(out)
				}
			})
		}
	}
	ended := make(chan struct{})
	go func() {
		workers.Wait()
		close(ended)
	}()
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
			js.saveProgress(r)
		case <-ended:
			running = false
		}
	}
	r.mu.Lock()
	r.job.Ended = time.Now().UTC()
	if r.job.State = JobDone; r.job.Done < r.job.Total {
		r.job.State = JobInterrupted
	}
	r.mu.Unlock()
	js.saveProgress(r)
}

// saveProgress stores the progress of a job.
func (js *Jobs) saveProgress(r *Running) {
	if err := js.save(context.Background(), r); err != nil {
		js.Log.Error("roster job progress not stored", zap.String("job", r.job.ID), zap.Error(err))
	}
}

func (js *Jobs) save(ctx context.Context, r *Running) error {
	if !r.keep {
		return nil
	}
	j := r.Snapshot()
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return js.Store.PutJob(ctx, j.ID, s2.Encode(nil, data))
}

// Job returns a job of the last 24 hours. ok is false if there is none.
func (js *Jobs) Job(ctx context.Context, id string) (j Job, ok bool, err error) {
	js.mu.Lock()
	r := js.running[id]
	js.mu.Unlock()
	if r != nil {
		return r.Snapshot(), true, nil
	}
	packed, err := js.Store.Job(ctx, id)
	if err != nil || packed == nil {
		return Job{}, false, err
	}
	data, err := s2.Decode(nil, packed)
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err != nil {
		return Job{}, false, fmt.Errorf("the job %s in the store is damaged: %w", id, err)
	}
	if j.State == JobRunning { // of an earlier process
		j.State = JobInterrupted
	}
	return j, true, nil
}

// Stop accepts no more jobs and waits for the running ones. Stop the syncers
// first, or Stop waits until the jobs are done.
func (js *Jobs) Stop() {
	js.mu.Lock()
	js.stopped = true
	js.mu.Unlock()
	js.wg.Wait()
}
