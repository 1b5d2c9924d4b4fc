package presence

import (
	"context"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/jid"
)

// After a change that many were told of, the next changes of the bot wait, and only the last of them is
// sent. Other bots do not wait.
func TestUpdatesTakeTurns(t *testing.T) {
	loud, quiet := jid.MustParse("loud@bot.example.com"), jid.MustParse("quiet@bot.example.com")
	u := NewUpdates(nil, func() []*component.Link { return nil }, func(_ context.Context, bots map[jid.JID]bool) map[jid.JID]int {
		told := make(map[jid.JID]int)
		for bot := range bots {
			told[bot] = map[jid.JID]int{loud: 20 * updatePace, quiet: 1}[bot]
		}
		return told
	})
	turns := u.turnsOf("bot.example.com")
	round := func(now time.Time) (changed map[jid.JID]string, wait time.Duration) {
		changed, _, wait = turns.due(now)
		turns.tell(t.Context(), changed, false)
		return changed, wait
	}
	u.Add(loud, "first")
	if changed, wait := round(time.Now()); len(changed) != 1 || wait != 0 {
		t.Errorf("%v %v", changed, wait)
	}
	now := time.Now().Add(time.Second)
	for _, event := range []string{"second", "third"} {
		u.Add(loud, event)
		u.Add(quiet, event)
		changed, wait := round(now)
		if _, ok := changed[quiet]; len(changed) != 1 || !ok || wait < 10*time.Second || wait > 20*time.Second {
			t.Errorf("%v, then in %v", changed, wait)
		}
		now = now.Add(2 * time.Second)
	}
	if changed, _ := round(now.Add(time.Minute)); len(changed) != 1 || changed[loud] != "third" {
		t.Errorf("%v", changed)
	}
}
