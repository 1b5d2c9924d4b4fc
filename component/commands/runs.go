package commands

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/command"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// Result is what came of asking a webhook.
type Result int

// The results.
const (
	Done    Result = iota // the run is at its end
	Asked                 // with another form
	Error                 // at its end, with a note that says error
	Refused               // with a status from 400 on that is about the step
	Failed                // not reached, or not understood
	Late                  // not in time
	results
)

// Results returns the names of the results in their order.
func Results() []string { return []string{"done", "form", "error", "refused", "failed", "timeout"} }

func (r Result) String() string { return Results()[r] }

// Failed reports whether the webhook has not done what it was asked.
func (r Result) Failed() bool { return r >= Refused }

func resultOf(v *webhook.Verdict) Result {
	switch {
	case v.Outcome == webhook.Refused && v.Status >= 400 && v.Status < 500:
		return Refused
	case v.Err != nil && v.Err.Condition == "remote-server-timeout":
		return Late
	}
	return Failed
}

func resultOfAnswer(a *command.Answer) Result {
	switch {
	case a.Form != nil:
		return Asked
	case a.Note != nil && a.Note.Type == command.NoteError:
		return Error
	}
	return Done
}

// Run is a step of a command that its webhook was asked about. It has no values: they may be
// secrets.
type Run struct {
	Time    time.Time
	From    jid.JID // bare: who
	Bot     jid.JID
	Room    jid.JID // zero: none
	Chat    bool    // by a line of a chat
	Session string
	Step    int
	Result  Result
	Error   string
	Took    time.Duration
}

// By says how the step came: chat or client.
func (r *Run) By() string {
	if r.Chat {
		return "chat"
	}
	return "client"
}

// maxRuns bounds the runs of a command that are kept. Beyond it, the person with
// the most runs loses the oldest one: nobody hides what others did.
const maxRuns = 50

// Tally is what is known of the runs of a command, since the start of the process.
type Tally struct {
	Count, Failed int64
	LastTime      time.Time
	LastError     string
	ErrorTime     time.Time
	runs          []Run // the newest last
}

type runs struct {
	mu sync.Mutex
	of map[string]*Tally
}

// keep forgets the runs of commands that are gone.
func (r *runs) keep(all []*Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node := range r.of {
		if !slices.ContainsFunc(all, func(x *Command) bool { return x.Node == node }) {
			delete(r.of, node)
		}
	}
}

func (r *runs) add(node string, run Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[string]*Tally)
	}
	t := r.of[node]
	if t == nil {
		t = new(Tally)
		r.of[node] = t
	}
	t.Count++
	t.LastTime = run.Time
	if run.Result.Failed() {
		t.Failed++
		t.LastError, t.ErrorTime = run.Error, run.Time
	}
	if t.runs = append(t.runs, run); len(t.runs) > maxRuns {
		n, most := make(map[jid.JID]int), jid.JID{}
		for _, x := range t.runs {
			if n[x.From]++; n[x.From] > n[most] {
				most = x.From
			}
		}
		i := slices.IndexFunc(t.runs, func(x Run) bool { return x.From == most })
		t.runs = slices.Delete(t.runs, i, i+1)
	}
}

// Tally returns what is known of the runs of a command.
func (c *Commands) Tally(node string) Tally {
	c.runs.mu.Lock()
	defer c.runs.mu.Unlock()
	if t := c.runs.of[node]; t != nil {
		return *t
	}
	return Tally{}
}

// Runs returns the last runs of a command, the newest first.
func (c *Commands) Runs(node string) []Run {
	c.runs.mu.Lock()
	defer c.runs.mu.Unlock()
	t := c.runs.of[node]
	if t == nil {
		return nil
	}
	all := slices.Clone(t.runs)
	slices.Reverse(all)
	return all
}

// finish notes a run.
func (c *Commands) finish(x *Command, q *command.Submit, by origin, began time.Time, result Result, reason string) {
	c.Counters.Results[result].Add(1)
	run := Run{Time: began, From: by.who, Bot: q.Party.Bot, Chat: by.chat, Session: q.Session, Step: q.Step, Result: result, Error: reason, Took: time.Since(began)}
	if by.isRoom {
		run.Room = q.Party.From.Bare()
	}
	c.runs.add(x.Node, run)
	if c.o.OnRun != nil {
		c.o.OnRun(x, run)
	}
	if result.Failed() {
		c.repeats.Warn(c.log, "command failed", about(x, q, zap.Stringer("result", result), zap.String("reason", reason))...)
	}
}
