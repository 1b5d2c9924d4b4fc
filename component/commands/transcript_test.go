package commands_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// TestTranscripts plays the files of testdata: what clients send, and what they get, in the
// order of each client. A line is
//
//	# a comment
//	< a stanza that comes in
//	> the stanza that goes out: the answer to that id
//	! a status and, behind it, JSON: the next answer of the webhook
//	= the data of the event that the webhook gets
//	nothing: the webhook has got nothing since
//
// Sessions are S1, S2 and so on, in the order in which they are seen.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("%q %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := play{T: t, stage: newStage(t, 20*time.Second)}
			for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
				p.at = fmt.Sprintf("%s:%d", file, i+1)
				p.line(line)
			}
		})
	}
}

type play struct {
	*testing.T
	*stage
	at       string
	sessions []string
}

var sessionAttr = regexp.MustCompile(`sessionid='([^']*)'|"Session":"([^"]*)"`)

// named returns a text with the names of sessions.
func (p *play) named(text string) string {
	for _, m := range sessionAttr.FindAllStringSubmatch(text, -1) {
		if id := m[1] + m[2]; len(id) > 8 && !strings.Contains(strings.Join(p.sessions, " "), id) {
			p.sessions = append(p.sessions, id)
		}
	}
	for i, id := range p.sessions {
		text = strings.ReplaceAll(text, id, fmt.Sprint("S", i+1))
	}
	return text
}

func (p *play) line(line string) {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "", "#":
	case "<":
		for i, id := range p.sessions {
			rest = strings.ReplaceAll(rest, fmt.Sprintf("sessionid='S%d'", i+1), "sessionid='"+id+"'")
		}
		p.Send(rest)
	case ">":
		want := stanza.Must(stanza.Parse(rest, stanza.Limits{}))
		if got := p.named(p.ExpectID(want.ID).XML()); got != rest {
			p.Errorf("%s: got\n%s\nwant\n%s", p.at, got, rest)
		}
	case "!":
		status, body, _ := strings.Cut(rest, " ")
		p.answer <- func(w http.ResponseWriter) {
			code := 0
			_, _ = fmt.Sscan(status, &code)
			says("application/json", body, code)(w)
		}
	case "=":
		data, err := json.Marshal(p.next(p.T).Data)
		if got := p.named(string(data)); err != nil || got != rest {
			p.Errorf("%s: got\n%s\nwant\n%s", p.at, got, rest)
		}
	case "nothing":
		if len(p.events) > 0 {
			p.Errorf("%s: the webhook was asked: %+v", p.at, <-p.events)
		}
	default:
		p.Fatalf("%s: %q", p.at, line)
	}
}
