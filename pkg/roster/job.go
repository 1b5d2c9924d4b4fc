package roster

import (
	"sync"
	"time"
)

// maxResults bounds the results that a job keeps. All are counted; results of
// rosters that are not as wanted replace others.
const maxResults = 20_000

// JobState is the state of a job.
type JobState string

// The states. Interrupted is a job whose process ended before it was done.
const (
	JobRunning     JobState = "running"
	JobDone        JobState = "done"
	JobInterrupted JobState = "interrupted"
)

// Job refreshes the rosters of several owners.
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

// OwnerResult is the result for one owner.
type OwnerResult struct {
	User   string `json:"user"` // bare JID
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// Running is a running job.
type Running struct {
	keep   bool
	caller string
	done   chan struct{}

	mu      sync.Mutex
	job     Job
	checked int  // how many of a full job.Results are known not to be as wanted
	ended   bool // no more refreshes begin
}

// Interrupt ends the job before its next roster. It does not wait.
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
	if asWanted(o.Result) {
		return
	}
	for ; r.checked < len(j.Results); r.checked++ {
		if asWanted(j.Results[r.checked].Result) {
			j.Results[r.checked] = one
			return
		}
	}
}

// asWanted reports whether the roster is as wanted.
func asWanted(r Result) bool { return r == Applied || r == Unchanged }
