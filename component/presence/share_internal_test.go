package presence

import (
	"fmt"
	"testing"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
)

// One user, or one domain that has nothing to do with the bots, does not fill the table:
// others are kept. Whoever ends a subscription makes room.
func TestShareOfSubscribers(t *testing.T) {
	p := &Subscribers{log: zap.NewNop(), all: make(map[store.Subscriber]struct{}), users: make(map[string]int), domains: make(map[string]int)}
	bot := jid.MustParse("echo@bot.example.com")
	bots := make([]jid.JID, maxOfUser+5)
	mallory := jid.MustParse("mallory@evil.example")
	for i := range bots {
		bots[i] = jid.MustParse(fmt.Sprintf("b%d@bot.example.com", i))
		p.set(bots[i], mallory, true)
	}
	if n := p.users["mallory@evil.example"]; n != maxOfUser || len(p.all) != maxOfUser {
		t.Errorf("%d subscriptions of one user", n)
	}
	for i := range maxOfDomain + 5 {
		p.set(bot, jid.MustParse(fmt.Sprintf("u%d@evil.example", i)), true)
	}
	if n := p.domains["evil.example"]; n != maxOfDomain || len(p.all) != maxOfDomain {
		t.Errorf("%d subscriptions of one domain", n)
	}
	p.set(bots[0], mallory, false)
	p.set(bot, jid.MustParse("late@evil.example"), true)
	for _, user := range []string{"late@evil.example", "u@other.example", "u@example.com"} {
		p.set(bot, jid.MustParse(user), true)
		if _, ok := p.all[store.Subscriber{Bot: bot.String(), User: user}]; !ok {
			t.Errorf("%s is not kept", user)
		}
	}
	for i := range 10 { // as many names as there are below one cost nothing
		p.set(bot, jid.MustParse(fmt.Sprintf("late@d%d.evil.example", i)), true)
	}
	if n := p.domains["evil.example"]; n != maxOfDomain {
		t.Errorf("%d subscriptions of one stranger", n)
	}
	for domain := range 3 {
		for i := range maxOfDomain {
			p.set(bot, jid.MustParse(fmt.Sprintf("u%d@evil%d.example", i, domain)), true)
		}
	}
	if p.foreign != maxForeign {
		t.Errorf("%d subscriptions of strangers", p.foreign)
	}
	for i := range maxOfDomain + 5 {
		p.set(bot, jid.MustParse(fmt.Sprintf("u%d@example.com", i)), true)
	}
	if n := p.domains["example.com"]; n != maxOfDomain+6 {
		t.Errorf("%d users of the bot's own server", n)
	}
}
