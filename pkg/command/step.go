package command

import (
	"fmt"
	"strings"
	"time"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// Actions (XEP-0050 section 3.4).
const (
	Execute  = "execute"
	Next     = "next"
	Prev     = "prev"
	Complete = "complete"
	Cancel   = "cancel"
)

// Request is what somebody asks for.
type Request struct {
	Session, Action string
	Values          form.Values // that were filled in; nil: no form came
}

// Submit is what a program is asked. Answer or Fail ends it.
type Submit struct {
	Command *Command
	Party   Party
	Session string
	Action  string
	Step    int
	Pages   []form.Page // all so far

	x *session
}

// Fault is an error of a step.
type Fault struct {
	Err    stanza.Error
	Detail string // the condition of XEP-0050 section 4.5; empty: none
}

func badRequest(detail, text string) *Fault {
	return &Fault{stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: text}, detail}
}

// Step is what follows from a request: one of the three.
type Step struct {
	Reply  *Reply
	Submit *Submit
	Fault  *Fault
}

// Do does what somebody asks of a command that it may run.
func (s *Sessions) Do(now time.Time, c *Command, p Party, r Request) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Action {
	case "", Execute, Next, Prev, Complete, Cancel:
	default:
		return Step{Fault: badRequest("malformed-action", fmt.Sprintf("there is no action %.40q", r.Action))}
	}
	if r.Session == "" {
		return s.open(now, c, p, r)
	}
	s.expire(now)
	x := s.byID[r.Session]
	switch {
	case x == nil || x.command.Node != c.Node || x.party != p:
		return Step{Fault: badRequest("bad-sessionid", "there is no such session, or it has ended; begin again")}
	case r.Action == Cancel:
		s.remove(x)
		return Step{Reply: &Reply{Session: x.id, Status: Canceled}}
	case x.asked != nil:
		return Step{Fault: &Fault{Err: stanza.Error{Type: stanza.Wait, Condition: stanza.UnexpectedRequest, Text: "the step before is not done yet"}}}
	case r.Action == Prev:
		return s.back(now, x, r)
	}
	return s.submit(now, x, r)
}

// open begins a run.
func (s *Sessions) open(now time.Time, c *Command, p Party, r Request) Step {
	if r.Action != "" && r.Action != Execute {
		return Step{Fault: badRequest("bad-action", "a command begins with execute")}
	}
	x := s.begin(now, c, p)
	if c.Form != nil && r.Values == nil {
		s.touch(now, x)
		return Step{Reply: x.show(nil)}
	}
	return s.submit(now, x, r)
}

// back shows the page before, with what was filled in.
func (s *Sessions) back(now time.Time, x *session, r Request) Step {
	if !x.hasPrev() {
		return Step{Fault: badRequest("bad-action", "there is no step before this one")}
	}
	if r.Values != nil {
		x.pages[x.at].typed = r.Values
	}
	x.at--
	s.touch(now, x)
	return Step{Reply: x.show(nil)}
}

func (x *session) hasPrev() bool { return x.at > 0 && len(x.pages[x.at-1].form.Fields) > 0 }

// submit reads what was filled in: the program is asked, or the form is shown again.
func (s *Sessions) submit(now time.Time, x *session, r Request) Step {
	page := &x.pages[x.at]
	values, wrong := page.form.Validate(r.Values)
	if len(wrong) > 0 {
		page.typed = kept(page.form, r.Values)
		s.touch(now, x)
		return Step{Reply: x.show(&Note{NoteError, problems(page.form, wrong)})}
	}
	page.typed, page.values = nil, values
	x.pages = x.pages[:x.at+1]
	x.asked = &Submit{Command: x.command, Party: x.party, Session: x.id, Action: r.Action, Step: x.at, x: x}
	if r.Action == "" {
		x.asked.Action = Execute
	}
	for _, p := range x.pages {
		x.asked.Pages = append(x.asked.Pages, form.Page{Form: p.form, Values: p.values})
	}
	s.touch(now, x)
	return Step{Submit: x.asked}
}

// kept are the values that a form shows again: those of its fields.
func kept(f *form.Form, given form.Values) form.Values {
	typed, n := make(form.Values), 0
	for name, texts := range given {
		if f.Field(name) != nil {
			typed[name] = texts
		}
	}
	if n = size(typed); n > 2*form.MaxBytes {
		return nil
	}
	return typed
}

// problems names what is wrong with the fields.
func problems(f *form.Form, wrong []form.Problem) string {
	var all []string
	for _, p := range wrong {
		name := p.Field
		if x := f.Field(name); x != nil {
			name = x.Shown()
		}
		all = append(all, name+": "+p.Text)
	}
	return strings.Join(all, "\n")
}

// show returns the page of a session.
func (x *session) show(note *Note) *Reply {
	p := &x.pages[x.at]
	values := p.typed
	if values == nil {
		values = p.values
	}
	return &Reply{Session: x.id, Status: Executing, Note: note, Form: p.form, Values: values, Prev: x.hasPrev()}
}

// Answer ends a Submit by what the program has answered.
func (s *Sessions) Answer(now time.Time, q *Submit, a *Answer) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	x := q.x
	there := s.byID[x.id] == x && x.asked == q
	if a.Form == nil {
		if there {
			s.remove(x)
		}
		return Step{Reply: &Reply{Session: x.id, Status: Completed, Note: a.Note, Result: a.Result}}
	}
	switch {
	case !there:
		return Step{Fault: badRequest("bad-sessionid", "the session has ended; begin again")}
	case len(x.pages) >= maxPages:
		s.remove(x)
		return Step{Fault: &Fault{Err: stanza.Error{Type: stanza.Cancel, Condition: stanza.PolicyViolation, Text: fmt.Sprintf("the command has more than %d steps", maxPages)}}}
	}
	x.asked = nil
	x.pages = append(x.pages, page{form: a.Form, own: a.own})
	x.at++
	s.touch(now, x)
	return Step{Reply: x.show(a.Note)}
}

// Fail ends a Submit that the program has not answered: the page may be sent again.
func (s *Sessions) Fail(q *Submit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.x.asked == q {
		q.x.asked = nil
	}
}
