package delivery

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"stanzahook/pkg/webhook"
)

// Each message gets the reaction that says what has become of it last, and each of them once; an
// answer that reacts keeps its own.
func TestAcknowledge(t *testing.T) {
	emoji := regexp.MustCompile(`<reaction>([^<]*)</reaction>`)
	for _, queued := range []bool{true, false} {
		for _, c := range []struct {
			what   string
			status int
			answer string
			change func(e *webhook.Endpoint)
			from   string
			want   string
		}{
			{"accepted", 0, "", nil, "u@example.com/r", "👀 ✅"},
			{"refused", 400, "", nil, "u@example.com/r", "👀 ❌"},
			{"given up", 503, "", func(e *webhook.Endpoint) { e.MaxAge = 1 }, "u@example.com/r", map[bool]string{true: "❌", false: "👀 ❌"}[queued]},
			{"reacted", 0, `{"react":{"to":"this","emoji":["🎉"]}}`, nil, "u@example.com/r", "👀 🎉"},
			{"answered", 0, `{"body":"hi"}`, nil, "u@example.com/r", "👀 ✅"},
			{"only failures", 0, "", func(e *webhook.Endpoint) { e.Acknowledge = webhook.Acknowledge{Failed: "❌"} }, "u@example.com/r", ""},
			{"another bot", 0, "", func(e *webhook.Endpoint) { e.Components = []string{"bot.example.com"} }, "other@bot.example.com/r", ""},
			{"nobody", 0, "", nil, "u@example.com", ""},
			{"a copy", 0, "", func(e *webhook.Endpoint) { e.Copy = true }, "u@example.com/r", ""},
		} {
			b := newTestbed(t, func(string, int) int { return c.status }, func(b *testbed) {
				b.e.Format, b.e.Queued = webhook.FormatEvent, queued
				b.e.Acknowledge = webhook.Acknowledge{Received: "👀", Done: "✅", Failed: "❌"}
				if c.change != nil {
					c.change(b.e)
				}
				if c.answer != "" {
					b.bot.answer = func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						_, _ = w.Write([]byte(c.answer))
					}
				}
			})
			ev := eventOf(t, "<message type='chat' id='7' from='"+c.from+"' to='echo@bot.example.com'><body>hi</body></message>")
			if !b.give(ev) {
				t.Fatal("not taken")
			}
			b.until(c.what, func() bool { n := &b.w.Counters; return n.Delivered.Load()+n.Refused.Load()+n.Expired.Load() > 0 })
			b.close()
			var got []string
			for _, s := range b.link.all() {
				for _, m := range emoji.FindAllStringSubmatch(s.XML(), -1) {
					got = append(got, m[1])
					if s.To.String() != "u@example.com" || !strings.Contains(s.XML(), "id='7'") {
						t.Errorf("%s: %s", c.what, s.XML())
					}
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, queued %v: %q, not %q", c.what, queued, got, c.want)
			}
		}
	}
}
