package muc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// TestTranscripts plays the files of testdata: what servers have sent, and what a Room makes
// of it. A line is one of
//
//	option key=value            of the room, before anything else
//	mark seconds-ago            it was joined before, and saw its last message then
//	connected | disconnected | wait 15s | leave text | nick text | retry | say <message/>
//	< stanza                    from the room; NOW-3s is a stamp
//	> stanza                    what the room sends, in order
//	= event                     what comes out, in order
//	state joined                after all that
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := player{t: t, now: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC), o: muc.Options{
				Room: jid.MustParse("lounge@conference.localhost"), Self: jid.MustParse("echo@bot.localhost/r"), Nick: "echo",
				History: muc.Missed, SelfPing: 5 * time.Minute, Jitter: func() float64 { return 0.5 }}}
			for i, line := range strings.Split(string(data), "\n") {
				p.line = i + 1
				p.play(strings.TrimSpace(line))
			}
			p.nothingLeft()
		})
	}
}

type player struct {
	t      *testing.T
	now    time.Time
	o      muc.Options
	mark   muc.Mark
	room   *muc.Room
	sent   []string
	events []string
	line   int
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("line %d: %s", p.line, fmt.Sprintf(format, args...))
}

func (p *player) nothingLeft() {
	p.t.Helper()
	if len(p.sent) > 0 || len(p.events) > 0 {
		p.fail("also there:\n> %s\n= %s", strings.Join(p.sent, "\n> "), strings.Join(p.events, "\n= "))
	}
}

func (p *player) play(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	if line == "" || verb[0] == '#' {
		return
	}
	switch verb {
	case "option":
		p.option(rest)
		return
	case "mark":
		seconds, _ := strconv.Atoi(rest)
		at := p.now.Add(-time.Duration(seconds) * time.Second)
		p.mark = muc.Mark{First: at.Add(-time.Hour), Last: at, Nicks: []string{p.o.Nick}}
		return
	case ">":
		if len(p.sent) == 0 || p.sent[0] != p.stamped(rest) {
			p.fail("sent\n%s, not\n%s", strings.Join(p.sent, "\n"), p.stamped(rest))
		}
		p.sent = p.sent[1:]
		return
	case "=":
		if len(p.events) == 0 || p.events[0] != rest {
			p.fail("events\n%s, not\n%s", strings.Join(p.events, "\n"), rest)
		}
		p.events = p.events[1:]
		return
	case "state":
		st := p.room.Status()
		if got := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", st.State, st.Nick, st.Refusal.Condition, st.Refusal.Text)); got != rest {
			p.fail("state %q", got)
		}
		return
	}
	p.nothingLeft()
	if p.room == nil {
		var err error
		if p.room, err = muc.New(p.o, p.mark); err != nil {
			p.fail("%v", err)
		}
	}
	p.collect(p.input(verb, rest))
}

func (p *player) input(verb, rest string) muc.Output {
	switch verb {
	case "connected":
		return p.room.Connected(p.now)
	case "disconnected":
		return p.room.Disconnected(p.now)
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fail("%v", err)
		}
		for end := p.now.Add(d); ; {
			next := p.room.Deadline()
			if next.IsZero() || next.After(end) {
				p.now = end
				return muc.Output{}
			}
			p.now = next
			if out := p.room.Advance(p.now); len(out.Send) > 0 || len(out.Events) > 0 {
				return out
			}
		}
	case "leave":
		return p.room.Leave(p.now, rest)
	case "nick":
		return p.room.SetNick(p.now, rest)
	case "retry":
		return p.room.Retry(p.now)
	case "say":
		p.room.Sent(p.stanza(rest))
		return muc.Output{}
	case "<":
		return p.room.Receive(p.now, p.stanza(rest))
	}
	p.fail("%q is no line of a transcript", verb)
	return muc.Output{}
}

// stamped puts the time in the place of NOW, NOW-3s.
func (p *player) stamped(s string) string {
	for {
		i := strings.Index(s, "NOW")
		if i < 0 {
			return s
		}
		end := i + len("NOW") + strings.IndexAny(s[i+len("NOW"):], "'\"<")
		at := p.now
		if d, err := time.ParseDuration(s[i+len("NOW") : end]); err == nil {
			at = at.Add(d)
		}
		s = s[:i] + at.Format(time.RFC3339) + s[end:]
	}
}

func (p *player) stanza(text string) *stanza.Stanza {
	s, err := stanza.Parse(p.stamped(text), stanza.Limits{})
	if err != nil {
		p.fail("%v", err)
	}
	return s
}

func (p *player) collect(out muc.Output) {
	for _, s := range out.Send {
		p.sent = append(p.sent, s.XML())
	}
	for _, e := range out.Events {
		p.events = append(p.events, describe(e))
	}
}

func describe(e muc.Event) string {
	b := string(e.Kind)
	add := func(name, value string) {
		if value != "" {
			b += " " + name + "=" + value
		}
	}
	if e.Own {
		b += " own"
	}
	if e.Missed {
		b += " missed"
	}
	add("nick", e.Occupant.Nick)
	add("affiliation", e.Occupant.Affiliation)
	add("role", e.Occupant.Role)
	add("occupant-id", e.Occupant.ID)
	add("jid", e.Occupant.JID.String())
	if e.Stanza != nil && (e.Kind == muc.Message || e.Kind == muc.Private) {
		body, _ := e.Stanza.Body()
		add("body", strconv.Quote(body))
	}
	add("stanza-id", e.StanzaID)
	add("sent", e.Sent)
	add("change", e.Change)
	add("old", e.OldNick)
	add("reason", e.Reason)
	if e.Code != 0 {
		add("code", strconv.Itoa(e.Code))
	}
	add("actor", e.Actor)
	add("alternative", e.Alternative)
	if e.Text != "" {
		add("text", strconv.Quote(e.Text))
	}
	return b
}

func (p *player) option(text string) {
	for _, w := range strings.Fields(text) {
		key, value, set := strings.Cut(w, "=")
		switch {
		case key == "create":
			p.o.Create = true
		case key == "rejoin":
			p.o.Rejoin = true
		case set:
			if p.o.Config == nil {
				p.o.Config = make(map[string][]string)
			}
			p.o.Config[key] = []string{value}
		default:
			p.fail("no option %q", w)
		}
	}
}
