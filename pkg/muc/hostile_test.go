package muc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// TestHostile plays what hostile people and hostile rooms send. A file of testdata/hostile
// is a transcript, see TestTranscripts, whose lines before the first "case NAME" are played
// before each case; and besides the lines of a transcript it has
//
//	said Mallory <body/>…       a groupchat message with the id h
//	here Mallory <x/>…          a presence
//	gone Mallory <x/>…          an unavailable presence
//	unhurt no                   the room ends in another state; say which with state
//
// After each case the bot is in the room under its name, and knows who speaks.
func TestHostile(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	cases := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		prelude, rest, _ := strings.Cut(string(data), "\ncase ")
		line := strings.Count(prelude, "\n") + 2
		for one := range strings.SplitSeq(rest, "\ncase ") {
			title, lines, _ := strings.Cut(one, "\n")
			from := line
			line += strings.Count(one, "\n") + 1
			cases++
			t.Run(name+"/"+strings.ReplaceAll(title, " ", "_"), func(t *testing.T) {
				p := newHostilePlayer(t)
				p.playAll(1, prelude)
				p.playAll(from+1, lines)
				p.nothingLeft()
				if !strings.Contains(lines, "unhurt no") {
					p.unfooled()
				}
			})
		}
	}
	if cases < 180 {
		t.Errorf("%d cases", cases)
	}
}

func newHostilePlayer(t *testing.T) *player {
	return &player{t: t, now: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC), o: muc.Options{
		Room: jid.MustParse("ops@rooms.example.com"), Self: jid.MustParse("echo@bot.example.com/room"), Nick: "Echo",
		History: muc.Missed, SelfPing: 5 * time.Minute, Jitter: func() float64 { return 0.5 }}}
}

func (p *player) playAll(from int, text string) {
	p.t.Helper()
	for i, line := range strings.Split(text, "\n") {
		p.line = from + i
		if line = strings.TrimSpace(line); line != "unhurt no" {
			p.play(shortened(line))
		}
	}
}

// shortened writes out the lines that TestHostile has besides.
func shortened(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	nick, inner, _ := strings.Cut(rest, " ")
	const ends = "from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'>%s"
	switch verb {
	case "said":
		return fmt.Sprintf("< <message type='groupchat' id='h' "+ends+"</message>", nick, inner)
	case "here":
		return fmt.Sprintf("< <presence "+ends+"</presence>", nick, inner)
	case "gone":
		return fmt.Sprintf("< <presence type='unavailable' "+ends+"</presence>", nick, inner)
	}
	return line
}

// unfooled checks that the bot is in the room, and whom it takes people for.
func (p *player) unfooled() {
	p.t.Helper()
	if st := p.room.Status(); st.State != muc.Joined || st.Nick != "Echo" || st.Affiliation != "member" || st.Role != "participant" {
		p.fail("the bot is %+v", st)
	}
	for nick, want := range map[string]string{
		"Alice":   `message nick=Alice affiliation=owner role=moderator jid=alice@example.com/phone body="who?"`,
		"Mallory": `message nick=Mallory affiliation=none role=participant jid=mallory@example.com/x body="who?"`,
		"Echo":    `message own nick=Echo affiliation=member role=participant jid=echo@bot.example.com/room body="who?"`,
	} {
		s := p.stanza("<message type='groupchat' id='last-" + nick + "' from='ops@rooms.example.com/" + nick + "' to='echo@bot.example.com/room'><body>who?</body></message>")
		out := p.room.Receive(p.now, s)
		if len(out.Send) > 0 || len(out.Events) != 1 {
			p.fail("%s: %d stanzas and %d events of one message", nick, len(out.Send), len(out.Events))
		}
		if out.Events[0].Occupant.ID != "" { // only where the room sets them
			want = strings.Replace(want, " jid=", " occupant-id=of"+nick+" jid=", 1)
		}
		if got := describe(out.Events[0]); got != want {
			p.fail("%s, not %s", got, want)
		}
	}
}

// hostileNicks are what people call themselves.
var hostileNicks = []string{
	"echo", "ECHO", "eCHO", "Echo ", " Echo", "Echo.", "Echo:", "Echo,", "Echo-2", "Echo-9", "Echo 2", "E cho", "[Echo]", "Echo/Echo", "Echo@bot.example.com",
	"Ech\u043e", "\u0395cho", "\u0415\u0441ho", "Echo\u200b", "\u200dEcho", "Echo\u2060", "Ec\u00adho", "\ufeffEcho", "E\u0301cho", "\u00c9cho", "\uff25\uff43\uff48\uff4f",
	"\u202eohcE", "\u2066Echo\u2069", "\u200fEcho", "Echo\u200e", "\u202aEcho\u202c", "\u05d0\u05d1\u05d2", "\u0627\u0644\u0639",
	"Alice ", "\u0391lice", "Alice\u200b", "alice", "owner", "110", "ops@rooms.example.com", "@", "/", "//", "a/b/c", "x@y/z", ".", "..", "../../etc/passwd", "-", "_", "*", "?",
	"\\20", "\\00", "\\2f", "%00", "%2F", "&#0;", "&amp;", "<b>", "</message>", "'\"", "'/><x a='", "]]>", "<!--", "{{.}}", "${IFS}", "%s%n", "'; DROP TABLE rooms; --", "null", "undefined", "NaN", "true", "0", "-1", "1e999",
	"\n", "\t", "a\nb", "a\r\nb", "\u2028", "\u00a0", "\u3000", "\u0085", "\ufffd", "\ue000", "\U0001F916", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "\u0e33", "\ud7a3", "\ufdfa",
}

// Whatever somebody calls themselves, it is not the bot and not Alice; and it is what it is
// in the event.
func TestHostileNicks(t *testing.T) {
	long := []string{strings.Repeat("a", 1023), strings.Repeat("\U0001F916", 255), "a" + strings.Repeat("\u0301", 500), strings.Repeat("Echo ", 200)}
	prelude, err := os.ReadFile("testdata/hostile/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	joined, _, _ := strings.Cut(string(prelude), "\ncase ")
	for _, nick := range append(long, hostileNicks...) {
		t.Run(fmt.Sprintf("%.40q", nick), func(t *testing.T) {
			p := newHostilePlayer(t)
			p.playAll(1, joined)
			address := string(stanza.AppendAttr(nil, "from", "ops@rooms.example.com/"+nick))
			there, err := stanza.Parse("<presence"+address+" to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='visitor'/></x></presence>", stanza.Limits{})
			if err != nil {
				return // it does not get so far: the link skips the stanza
			}
			p.room.Receive(p.now, there)
			said := stanza.Must(stanza.Parse("<message type='groupchat' id='n'"+address+" to='echo@bot.example.com/room'><body>I am</body></message>", stanza.Limits{}))
			out := p.room.Receive(p.now, said)
			if len(out.Send) > 0 || len(out.Events) != 1 {
				t.Fatalf("%d stanzas and %d events", len(out.Send), len(out.Events))
			}
			o := out.Events[0].Occupant
			if out.Events[0].Own || o.Nick != said.From.Resource() || o.Role != "visitor" || o.Affiliation != "none" || !o.JID.IsZero() {
				t.Errorf("own %v, %+v", out.Events[0].Own, o)
			}
			if strings.ToValidUTF8(o.Nick, "") != o.Nick || muc.CheckNick(o.Nick) != nil && len(o.Nick) < 900 && jid.FromServer("a@b/"+o.Nick).Resource() != o.Nick {
				t.Errorf("%q is no nick", o.Nick)
			}
			p.unfooled()
		})
	}
}
