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

	"stanzahook/pkg/jid"
)

// JobState says how far a job is.
type JobState string

// The states. Interrupted is a job whose process ended before it was done.
const (
	JobRunning     JobState = "running"
	JobDone        JobState = "done"
	JobInterrupted JobState = "interrupted"
)

// Job is the refresh of several owners' rosters.
type Job struct {
	ID       string        `json:"id"`
	State    JobState      `json:"state"`
	Total    int           `json:"total"`
	Done     int           `json:"done"`
	Updated  int           `json:"updated"` // of those done
	Errors   int           `json:"errors"`
	Degraded int           `json:"degraded"` // of those updated
	Started  time.Time     `json:"started"`
	Ended    time.Time     `json:"ended,omitzero"`
	Results  []OwnerResult `json:"results"` // of those done, in the order they ended
	LeftOut  int           `json:"left_out,omitempty"`
}

// OwnerResult is what came of one owner.
type OwnerResult struct {
	User   string `json:"user"` // bare JID
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
}

const (
	// maxResults bounds the results that a job keeps; those of rosters that are
	// not as wanted are kept before others, and all are counted.
	maxResults = 20_000
	// JobKeep is how long a job is known.
	JobKeep = 24 * time.Hour
	// saveEvery is how often the progress of a job is stored.
	saveEvery = 2 * time.Second
	// maxJobs bounds the jobs that run.
	maxJobs = 100
	// maxJobsOf bounds those of one caller.
	maxJobsOf = maxJobs / 4
)

// JobStore keeps jobs for [JobKeep].
type JobStore interface {
	PutJob(ctx context.Context, id string, data []byte) error
	// Job returns nil for one that is not known.
	Job(ctx context.Context, id string) ([]byte, error)
}

// ErrTooMany means that too many jobs are under way.
var ErrTooMany = errors.New("too many roster jobs are under way")

// Jobs run jobs over the hosts. Progress is stored every two seconds.
//
// Killed during a job: it is shown as interrupted, with what is stored of it.
// Refreshing the same owners again does the rest, as what is right already stays
// as it is.
type Jobs struct {
	Store JobStore
	Log   *zap.Logger

	mu      sync.Mutex
	hosts   []*Host // in the order of the configuration
	running map[string]*Running
	stopped bool
	wg      sync.WaitGroup
}

// Running is a job under way.
type Running struct {
	keep   bool
	caller string
	done   chan struct{}

	mu     sync.Mutex
	job    Job
	looked int  // so many of a full job.Results are not fine
	ended  bool // no more rosters are begun
}

// Interrupt ends the job before the next roster. It does not wait.
func (r *Running) Interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

func (r *Running) interrupted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Snapshot returns the job as it is now.
func (r *Running) Snapshot() Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.job
	j.Results = append(make([]OwnerResult, 0, len(j.Results)), j.Results...)
	return j
}

// Done is closed when the job has ended.
func (r *Running) Done() <-chan struct{} { return r.done }

// JobOptions say how a job is done.
type JobOptions struct {
	Force bool // see [Host.Refresh]
	Keep  bool // it is stored, to be asked for by its ID

	// Caller is who begins it; one caller has a quarter of the jobs at most. Empty
	// is nobody whose jobs are counted.
	Caller string
}

// Start begins a job. An owner who is named twice is refreshed once. Every
// owner's host must be one of those that are kept. What is kept is stored when it returns.
// Errors: ErrStopped, ErrTooMany, and those of the store.
func (js *Jobs) Start(ctx context.Context, owners []jid.JID, o JobOptions) (*Running, error) {
	seen := make(map[jid.JID]bool, len(owners))
	byHost := make(map[*Host][]jid.JID)
	for _, o := range owners {
		h := js.host(o.Domain())
		if h == nil {
			return nil, fmt.Errorf("the rosters of %s are not kept here", o.Domain())
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
		js.leave(r)
		return nil, err
	}
	go func() {
		defer js.leave(r)
		js.run(r, byHost, o.Force)
	}()
	return r, nil
}

// admit counts a job among those that run, and leave takes it out.
func (js *Jobs) admit(r *Running) error {
	js.mu.Lock()
	defer js.mu.Unlock()
	switch {
	case js.stopped:
		return ErrStopped
	case len(js.running) >= maxJobs:
		return ErrTooMany
	case r.caller != "" && js.of(r.caller) >= maxJobsOf:
		return fmt.Errorf("%w: %d of this caller's", ErrTooMany, maxJobsOf)
	case js.running == nil:
		js.running = make(map[string]*Running)
	}
	js.running[r.job.ID] = r
	js.wg.Add(1)
	return nil
}

// of counts the jobs of a caller. js.mu is held.
func (js *Jobs) of(caller string) int {
	n := 0
	for _, r := range js.running {
		if r.caller == caller {
			n++
		}
	}
	return n
}

// Running returns how many jobs are under way, and how many may be.
func (js *Jobs) Running() (running, most int) {
	js.mu.Lock()
	defer js.mu.Unlock()
	return len(js.running), maxJobs
}

func (js *Jobs) leave(r *Running) {
	js.mu.Lock()
	delete(js.running, r.job.ID)
	js.mu.Unlock()
	close(r.done)
	js.wg.Done()
}

// run works at a job until it is done, or the hosts stop.
func (js *Jobs) run(r *Running, byHost map[*Host][]jid.JID, force bool) {
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
						return // stopping: what is left is not done
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
			js.note(r)
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
	js.note(r)
}

// add counts an outcome.
func (r *Running) add(o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := &r.job
	j.Done++
	switch {
	case o.Result.Updated():
		j.Updated++
	default:
		j.Errors++
	}
	if o.Result == Degraded {
		j.Degraded++
	}
	one := OwnerResult{o.Owner.String(), o.Result, o.Detail}
	if len(j.Results) < maxResults {
		j.Results = append(j.Results, one)
		return
	}
	j.LeftOut++
	if fine(o.Result) {
		return
	}
	for ; r.looked < len(j.Results); r.looked++ {
		if fine(j.Results[r.looked].Result) {
			j.Results[r.looked] = one
			return
		}
	}
}

// fine reports whether nobody has to look at a result.
func fine(r Result) bool { return r == Applied || r == Unchanged }

// note stores how far a job is.
func (js *Jobs) note(r *Running) {
	if err := js.save(context.Background(), r); err != nil {
		js.Log.Error("the progress of a roster job cannot be stored", zap.String("job", r.job.ID), zap.Error(err))
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
	if j.State == JobRunning { // of a process before us
		j.State = JobInterrupted
	}
	return j, true, nil
}

// Stop takes no more jobs, and waits for those that run. Stop the hosts as well,
// or this takes as long as the jobs do.
func (js *Jobs) Stop() {
	js.mu.Lock()
	js.stopped = true
	js.mu.Unlock()
	js.wg.Wait()
}
