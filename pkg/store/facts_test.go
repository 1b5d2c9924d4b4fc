package store

import (
	"testing"
	"time"
)

// What was known of an event when it came stays with it: in its queue, when it moves, and
// in a dead letter. Records without facts are as they were.
func TestFactsStay(t *testing.T) {
	at := time.UnixMilli(1763661600123)
	for _, facts := range []string{"", "r1_abc,eyJ9"} {
		r := Record{ID: "evt_1", Component: "bot.example.com", Conversation: "c", Received: at, Since: at, Stanza: "<message>\n</message>", Facts: facts}
		data := r.data()
		for name, data := range map[string][]byte{"stored": data, "moved": withOrigin(data, 7, 6), "moved twice": withOrigin(withOrigin(data, 7, 6), 8, 0)} {
			got, err := readRecord("event.echo.c", data)
			if err != nil || got != r || idOf(data) != "evt_1" {
				t.Errorf("%s: %+v %v", name, got, err)
			}
		}
		if originOf(data) != 0 || originOf(withOrigin(withOrigin(data, 7, 6), 8, 0)) != 8 {
			t.Errorf("places %d, %d", originOf(data), originOf(withOrigin(data, 7, 6)))
		}
		d := DeadLetter{Record: r, Endpoint: "echo"}
		if got, err := readDeadLetter(d.data(), false); err != nil || got.Facts != facts || got.Stanza != r.Stanza {
			t.Errorf("%+v %v", got, err)
		}
	}
	if _, err := readRecord("event.echo.c", []byte("a b 1 2 0 f g\n<message/>")); err == nil {
		t.Error("a damaged record is read")
	}
}
