package webhook

import (
	"errors"
	"strings"
	"testing"

	"stanzahook/pkg/message"
)

// An answer with files is a message for its text, and one for each file.
func TestAnswersWithFiles(t *testing.T) {
	files := func(_ *Event, w message.FileWish) (message.File, error) {
		switch {
		case w.ID == "file_gone":
			return message.File{}, errors.New("gone")
		case w.Fetch != "":
			return message.File{}, &NotNow{errors.New("busy")}
		case w.ID != "":
			return message.File{URL: "https://x.example.com/" + w.ID, Type: "image/png"}, nil
		}
		return w.File(), nil
	}
	e := (&Endpoint{Name: "e", Queued: true, Files: files}).WithDefaults()
	ev := eventOf(t, chat)
	for _, c := range []struct {
		body    string
		replies int
		outcome Outcome
		has     string
	}{
		{`{"body":"look","files":[{"id":"file_1"},{"url":"https://y.example.com/2"}]}`, 3, Done, "<body>https://x.example.com/file_1</body><x xmlns='jabber:x:oob'>"},
		{`{"files":[{"id":"file_1"}]}`, 1, Done, "disposition='inline'"},
		{`[{"files":[{"id":"file_1"}]},"and",{"body":"x"}]`, 3, Done, "file_1"},
		{`{"react":{"to":"this","emoji":["✅"]},"files":[{"id":"file_1"}]}`, 2, Done, "urn:xmpp:reactions:0"},
		{`{"body":"the word \"files\""}`, 1, Done, "files"},
		{`{"body":"x","files":null}`, 1, Done, "<body>x</body>"},
		{`{"body":"look","files":[{"id":"file_1"},{"id":"file_gone"}]}`, 0, Refused, ""},
		{`{"body":"look","files":[{"path":"/etc/passwd"}]}`, 0, Refused, ""},
		{`{"body":"look","files":[{"url":"file:///etc/passwd"}]}`, 0, Refused, ""},
		{`{"body":"look","files":"x"}`, 0, Refused, ""},
		{`{"body":"look","files":[{"fetch":"https://z.example.com/"}]}`, 0, Again, ""},
	} {
		v := judgeEvent(e, ev, &Answer{Status: 200, Type: mediaJSON, MediaType: mediaJSON, Body: []byte(c.body)})
		text := ""
		ids := make(map[string]bool)
		for _, s := range v.Replies {
			text += s.XML()
			ids[s.ID] = true
		}
		if v.Outcome != c.outcome || len(v.Replies) != c.replies || len(ids) != c.replies || !strings.Contains(text, c.has) {
			t.Errorf("%s: %s, %d replies %s (%s)", c.body, v.Outcome, len(v.Replies), text, v.Reason)
		}
	}
	direct := *e
	direct.Queued = false
	if v := judgeEvent(&direct, ev, &Answer{Status: 200, Type: mediaJSON, MediaType: mediaJSON, Body: []byte(`{"files":[{"fetch":"https://z.example.com/"}]}`)}); v.Outcome != Refused {
		t.Errorf("not queued: %s", v.Outcome)
	}
}
