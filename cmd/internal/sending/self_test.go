package sending

import (
	"fmt"
	"testing"
	"time"

	"stanzahook/pkg/jid"
)

// Thirty stanzas a minute between two addresses of ours, in both directions together.
func TestSelfSending(t *testing.T) {
	var c selfSending
	a, b := jid.MustParse("a@bot.example.com"), jid.MustParse("b@bot.example.com/x")
	now := time.Now()
	for i := range selfSends {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		if wait := c.take(from, to, now); wait > 0 {
			t.Fatalf("number %d waits %v", i+1, wait)
		}
		now = now.Add(time.Second)
	}
	if wait := c.take(a, b, now); wait != 30*time.Second {
		t.Errorf("one more waits %v", wait)
	}
	if wait := c.take(a, jid.MustParse("c@bot.example.com"), now); wait > 0 {
		t.Errorf("another pair waits %v", wait)
	}
	if wait := c.take(b, a, now.Add(30*time.Second)); wait > 0 {
		t.Errorf("after the first is a minute old: %v", wait)
	}
	if wait := c.take(b, a, now.Add(30*time.Second)); wait != time.Second {
		t.Errorf("and the next: %v", wait)
	}
	for i := range maxSelfPair + 10 {
		c.take(a, jid.MustParse(fmt.Sprintf("u%d@bot.example.com", i)), now)
	}
	if n, _ := c.counts(); n != maxSelfPair {
		t.Errorf("%d pairs are kept", n)
	}
}
