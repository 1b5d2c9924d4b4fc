package sending

import (
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
)

// A message to a room that an earlier process has sent has the id that the room gave it, and
// who refers to that id refers to what the sender got.
func TestRecall(t *testing.T) {
	sent := message.Ref{Kind: message.Room, Own: jid.MustParse("echo@bot.example.com"), Peer: jid.MustParse("ops@rooms.example.com"), ID: "m1", Mine: true}
	into, now := message.NewRecent(message.RecentBytes), time.Now()
	Recall([]store.SentMessage{{ID: "m1", Ref: sent.String(), Time: now, RoomID: "s1"}, {ID: "m2", Ref: "nonsense", RoomID: "s2"}}, into)
	if whole := into.Complete(sent, now); whole.StanzaID != "s1" {
		t.Errorf("%+v", whole)
	}
	if known, ok := into.Find(sent.Own, sent.Peer, "s1", true, now); !ok || known.Ref != sent.String() || known.Author != sent.Own.String() {
		t.Errorf("%+v", known)
	}
}
