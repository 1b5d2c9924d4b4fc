package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/command"
	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func glob(t *testing.T, text string) []jid.Glob {
	g, err := jid.ParseGlob(text)
	require.NoError(t, err)
	return []jid.Glob{g}
}

func deploy(t *testing.T) *command.Command {
	sure := &form.Form{Title: "Sure?", Fields: []form.Field{{Name: "sure", Type: form.Boolean}}}
	return &command.Command{Node: "deploy", Name: "Deploy", Bots: glob(t, "echo@bot.example.com"), Allow: glob(t, "*@example.com"), Chat: "/deploy",
		Form: &form.Form{Title: "Deploy", More: true, Fields: []form.Field{
			{Name: "env", Type: form.List, Label: "Environment", Required: true, Options: []form.Option{{Value: "staging"}, {Value: "prod"}}},
			{Name: "dry", Type: form.Boolean, Value: []string{"1"}},
		}},
		Forms: map[string]*form.Form{"sure": sure}}
}

func party(from string) command.Party {
	return command.Party{From: jid.MustParse(from), Real: jid.MustParse(from).Bare(), Bot: jid.MustParse("echo@bot.example.com")}
}

func now() time.Time { return time.Unix(1_700_000_000, 0) }

func answer(t *testing.T, c *command.Command, text string) *command.Answer {
	t.Helper()
	a, err := command.ReadAnswer(c, "application/json", []byte(text))
	require.NoError(t, err)
	return a
}

func values(q *command.Submit) string { return string(form.AppendJSON(nil, q.Pages)) }

// The runs of the steps of a command, as clients make them.
func TestSteps(t *testing.T) {
	c, s, alice := deploy(t), command.NewSessions(), party("alice@example.com/cli")
	do := func(r command.Request) command.Step { t.Helper(); return s.Do(now(), c, alice, r) }
	first := do(command.Request{Action: "execute"}).Reply
	if first == nil || first.Status != command.Executing || first.Form != c.Form || first.Prev {
		t.Fatalf("%+v", first)
	}
	if got := first.XML("deploy"); !strings.Contains(got, "<actions execute='next'><next/></actions>") {
		t.Errorf("%s", got)
	}
	id := first.Session
	wrong := do(command.Request{Session: id, Action: "next", Values: form.Values{"env": {"moon"}, "dry": {"0"}}}).Reply
	if wrong == nil || wrong.Note.Type != "error" || wrong.Note.Text != `Environment: "moon" is none of staging, prod` || wrong.Values["env"][0] != "moon" || wrong.Values["dry"][0] != "0" {
		t.Fatalf("%+v", wrong)
	}
	if missing := do(command.Request{Session: id}).Reply; missing == nil || missing.Note.Text != "Environment: is missing; choose one" {
		t.Fatalf("%+v", missing)
	}
	q := do(command.Request{Session: id, Action: "next", Values: form.Values{"env": {"prod"}, "dry": {"0"}}}).Submit
	if q == nil || q.Action != "next" || q.Step != 0 || values(q) != `{"env":"prod","dry":false}` || q.Session != id {
		t.Fatalf("%+v", q)
	}
	if busy := do(command.Request{Session: id, Action: "next"}).Fault; busy == nil || busy.Err.Condition != stanza.UnexpectedRequest {
		t.Errorf("%+v", busy)
	}
	second := s.Answer(now(), q, answer(t, c, `{"form":"sure","note":{"type":"warn","text":"careful"}}`)).Reply
	if second == nil || !second.Prev || second.Form.Title != "Sure?" || second.Note.Type != "warn" {
		t.Fatalf("%+v", second)
	}
	if got := second.XML("deploy"); !strings.Contains(got, "<actions execute='complete'><prev/><complete/></actions><note type='warn'>careful</note>") {
		t.Errorf("%s", got)
	}
	back := do(command.Request{Session: id, Action: "prev", Values: form.Values{"sure": {"1"}}}).Reply
	if back == nil || back.Form != c.Form || back.Values["env"][0] != "prod" || back.Values["dry"][0] != "0" || back.Prev {
		t.Fatalf("%+v", back)
	}
	if none := do(command.Request{Session: id, Action: "prev"}).Fault; none == nil || none.Detail != "bad-action" {
		t.Errorf("%+v", none)
	}
	q = do(command.Request{Session: id, Values: form.Values{"env": {"staging"}}}).Submit
	if q == nil || q.Action != "execute" || values(q) != `{"env":"staging","dry":true}` {
		t.Fatalf("%+v", q)
	}
	s.Fail(q) // the program did not answer: once more
	q = do(command.Request{Session: id, Action: "next", Values: form.Values{"env": {"staging"}}}).Submit
	s.Answer(now(), q, answer(t, c, `{"form":"sure"}`))
	q = do(command.Request{Session: id, Action: "complete", Values: form.Values{"sure": {"true"}}}).Submit
	if q == nil || q.Step != 1 || q.Action != "complete" || values(q) != `{"env":"staging","dry":true,"sure":true}` {
		t.Fatalf("%+v", q)
	}
	end := s.Answer(now(), q, answer(t, c, `{"result":{"fields":{"took":"3 s"}}}`)).Reply
	if end.Status != command.Completed || !strings.Contains(end.XML("deploy"), "status='completed'><x xmlns='jabber:x:data' type='result'><field var='took'") {
		t.Errorf("%s", end.XML("deploy"))
	}
	if gone := do(command.Request{Session: id}).Fault; gone == nil || gone.Detail != "bad-sessionid" {
		t.Errorf("%+v", gone)
	}
	if n, bytes := s.Count(now()); n != 0 || bytes != 0 {
		t.Errorf("%d sessions, %d bytes are left", n, bytes)
	}
}

// A session is that of one person, one bot, one command, and ten minutes.
func TestSessionIsOnes(t *testing.T) {
	c, s, alice := deploy(t), command.NewSessions(), party("alice@example.com/cli")
	other := *c
	other.Node = "other"
	elsewhere := alice
	elsewhere.Bot = jid.MustParse("nurse@bot.example.com")
	open := func() string { return s.Do(now(), c, alice, command.Request{}).Reply.Session }
	id := open()
	for what, step := range map[string]command.Step{
		"another person":   s.Do(now(), c, party("mallory@example.com/x"), command.Request{Session: id, Action: "cancel"}),
		"another resource": s.Do(now(), c, party("alice@example.com/other"), command.Request{Session: id}),
		"another command":  s.Do(now(), &other, alice, command.Request{Session: id}),
		"another bot":      s.Do(now(), c, elsewhere, command.Request{Session: id}),
		"an id made up":    s.Do(now(), c, alice, command.Request{Session: "x"}),
		"a late one":       s.Do(now().Add(command.SessionTime), c, alice, command.Request{Session: open()}),
	} {
		if step.Fault == nil || step.Fault.Detail != "bad-sessionid" || step.Fault.Err.Condition != stanza.BadRequest {
			t.Errorf("%s: %+v", what, step)
		}
	}
	id = open()
	if step := s.Do(now(), c, alice, command.Request{Session: id, Action: "cancel"}); step.Reply == nil || step.Reply.Status != command.Canceled {
		t.Errorf("%+v", step)
	}
	for action, detail := range map[string]string{"next": "bad-action", "complete": "bad-action", "explode": "malformed-action"} {
		if f := s.Do(now(), c, alice, command.Request{Action: action}).Fault; f == nil || f.Detail != detail {
			t.Errorf("%s: %+v", action, f)
		}
	}
	q := s.Do(now(), c, alice, command.Request{Values: form.Values{"env": {"prod"}}}).Submit // at once, with the form
	if q == nil {
		t.Fatal("not submitted")
	}
	s.Do(now(), c, alice, command.Request{Session: q.Session, Action: "cancel"}) // while the program works
	if step := s.Answer(now(), q, answer(t, c, `{"form":"sure"}`)); step.Fault == nil || step.Fault.Detail != "bad-sessionid" {
		t.Errorf("%+v", step)
	}
}

// Nobody pushes out the sessions of others: not by many sessions, nor by large ones.
func TestShares(t *testing.T) {
	c, s, alice := deploy(t), command.NewSessions(), party("alice@example.com/cli")
	id := s.Do(now(), c, alice, command.Request{}).Reply.Session
	var last string
	first := s.Do(now(), c, party("mallory@example.com/0"), command.Request{}).Reply.Session
	for i := range command.MaxSessions + 1 {
		last = s.Do(now(), c, party(fmt.Sprintf("mallory@example.com/%d", i)), command.Request{}).Reply.Session
	}
	if n, _ := s.Count(now()); n != command.MaxOfOne+1 {
		t.Errorf("%d sessions", n)
	}
	ok := func(p command.Party, id string) bool {
		step := s.Do(now(), c, p, command.Request{Session: id})
		return step.Fault == nil
	}
	if !ok(alice, id) || !ok(party(fmt.Sprintf("mallory@example.com/%d", command.MaxSessions)), last) || ok(party("mallory@example.com/0"), first) {
		t.Error("the wrong session has gone")
	}
	for i := range command.MaxSessions + 1 { // of many: who has most of them loses them first
		s.Do(now(), c, party(fmt.Sprintf("user%d@example.com/x", i)), command.Request{})
	}
	if n, _ := s.Count(now()); n != command.MaxSessions {
		t.Errorf("%d sessions", n)
	}
	if _, dropped := s.Ended(); dropped != int64(command.MaxSessions+2-command.MaxOfOne)+int64(command.MaxOfOne+2) {
		t.Errorf("%d dropped", dropped)
	}
	large := &command.Command{Node: "large", Form: &form.Form{Fields: []form.Field{{Name: "text", Type: form.TextMulti}, {Name: "n", Type: form.Number}}}}
	s = command.NewSessions()
	id = s.Do(now(), c, alice, command.Request{}).Reply.Session
	big := form.Values{"text": {strings.Repeat("x", form.MaxBytes-10)}, "n": {"none"}}
	for range command.MaxOfOne {
		s.Do(now(), large, party("mallory@example.com/x"), command.Request{Values: big})
	}
	if n, bytes := s.Count(now()); bytes > command.MaxBytesOfOne || n < 10 || !ok(alice, id) {
		t.Errorf("%d sessions with %d bytes", n, bytes)
	}
	for i := range 400 {
		s.Do(now(), large, party(fmt.Sprintf("mallory%d@example.com/x", i)), command.Request{Values: big})
	}
	if _, bytes := s.Count(now()); bytes > command.MaxBytes || bytes < command.MaxBytes/2 {
		t.Errorf("%d bytes", bytes)
	}
	if n, bytes := s.Count(now().Add(command.SessionTime)); n != 0 || bytes != 0 {
		t.Errorf("%d sessions with %d bytes after their time", n, bytes)
	}
}

// A stranger's server has as many users and names as it likes, and pushes out nobody else.
func TestShareOfStranger(t *testing.T) {
	c, s, alice := deploy(t), command.NewSessions(), party("alice@example.com/cli")
	id := s.Do(now(), c, alice, command.Request{}).Reply.Session
	for i := range command.MaxSessions + 1 {
		s.Do(now(), c, party(fmt.Sprintf("u%d@s%d.evil.example/x", i, i)), command.Request{})
	}
	if n, _ := s.Count(now()); n != command.MaxSessions || s.Do(now(), c, alice, command.Request{Session: id}).Fault != nil {
		t.Errorf("alice's is not among the %d", n)
	}
}

// A command without a form runs at once, and may ask then. One that never ends is ended.
func TestNoForm(t *testing.T) {
	c := deploy(t)
	c.Form = nil
	s, alice := command.NewSessions(), party("alice@example.com/cli")
	q := s.Do(now(), c, alice, command.Request{Action: "execute"}).Submit
	if q == nil || values(q) != "{}" || q.Step != 0 || q.Action != "execute" {
		t.Fatalf("%+v", q)
	}
	step := s.Answer(now(), q, answer(t, c, `{"form":"sure"}`))
	if step.Reply == nil || step.Reply.Prev {
		t.Fatalf("%+v", step)
	}
	n := 1
	for ; step.Fault == nil && n < 100; n++ {
		q = s.Do(now(), c, alice, command.Request{Session: step.Reply.Session, Action: "next"}).Submit
		step = s.Answer(now(), q, answer(t, c, `{"form":{"fields":[{"name":"again","type":"boolean"}]}}`))
	}
	if step.Fault == nil || step.Fault.Err.Condition != stanza.PolicyViolation || n > 40 {
		t.Errorf("%d steps: %+v", n, step)
	}
}

// What a program may answer.
func TestAnswers(t *testing.T) {
	c := deploy(t)
	for _, test := range []struct{ media, body, kind, text string }{
		{"", "", "info", "Done."}, {"application/json", "{}", "info", "Done."}, {"application/json", "null", "info", "Done."}, {"application/json", `{"ok":true}`, "info", "Done."},
		{"text/plain; charset=utf-8", " Deployed.\n", "info", "Deployed."}, {"application/json", `"Deployed."`, "info", "Deployed."}, {"application/json", `{"text":"a"}`, "info", "a"},
		{"application/json", `{"body":"a"}`, "info", "a"}, {"application/json", `{"note":{"type":"warn","text":"a\u0000b"}}`, "warn", "a\uFFFDb"}, {"application/json", `{"note":{"text":"a"}}`, "info", "a"},
		{"application/json", `{"error":"no"}`, "error", "no"}, {"application/json", `{"error":false,"text":"a"}`, "info", "a"},
	} {
		if a, err := command.ReadAnswer(c, test.media, []byte(test.body)); err != nil || a.Form != nil || *a.Note != (command.Note{Type: test.kind, Text: test.text}) {
			t.Errorf("%s: %+v %v", test.body, a, err)
		}
	}
	for body, want := range map[string]string{`{"resutl":{"columns":[]},"ok":true}`: `("resutl"); write text, note`, `{"ok":true,"n":1}`: "", `{"text":"a","more":"b"}`: "", `{"error":"no"}`: ""} {
		if a, err := command.ReadAnswer(c, "application/json", []byte(body)); err != nil || a.Remark == "" != (want == "") || !strings.Contains(a.Remark, want) {
			t.Errorf("%s: %+v %v", body, a, err)
		}
	}
	for body, want := range map[string]string{
		`[1]`: "JSON: an object or a string is expected", `{"a"`: "JSON: ", `{"form":"none"}`: `form: the command has none that is named "none"`, `{"form":{"fields":[]}}`: "form: fields: are missing",
		`{"result":{}}`: "result: fields: are missing", `{"form":"sure","result":{"fields":{"a":1}}}`: "form and result", `{"note":{"type":"loud","text":"a"}}`: `note.type: "loud"`, `{"note":"x"}`: "note: is a JSON string",
	} {
		if _, err := command.ReadAnswer(c, "application/json", []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := command.ReadAnswer(c, "text/html", []byte("<p>")); err == nil || !strings.Contains(err.Error(), "text/html") {
		t.Error(err)
	}
	for body, want := range map[string]string{`{"error":"no such env"}`: "no such env", `{"title":"Bad Request","detail":"no such env"}`: "no such env", `{"x":1}`: "", `nothing`: ""} {
		if got := command.Refusal("application/problem+json", []byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	if got := command.Refusal("text/html", []byte("<h1>404</h1>")); got != "" {
		t.Errorf("%q", got)
	}
}
