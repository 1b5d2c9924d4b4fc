package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
)

const peer = "room@muc.example.com"

func parse(xml string) *stanza.Stanza { return stanza.Must(stanza.Parse(xml, stanza.Limits{})) }

func question(queryID string) *stanza.Stanza {
	return parse("<iq type='set' id='1' from='bot.example.com' to='" + peer + "'><query xmlns='urn:xmpp:mam:2' queryid='" + queryID + "'/></iq>")
}

func result(id, queryID string) string {
	return fmt.Sprintf("<message from='%s' to='bot.example.com' id='%s'><result xmlns='urn:xmpp:mam:2' queryid='%s' id='x'/></message>", peer, id, queryID)
}

func (c *Collector) take(xml string) bool {
	return c.Handle(&component.Incoming{Stanza: parse(xml)})
}

func TestQuery(t *testing.T) {
	var c Collector
	all, err := c.Query(t.Context(), question("q"), func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
		for _, xml := range []string{
			result("a", "q"),
			strings.Replace(result("forged", "q"), peer, "mallory@example.com", 1),
			strings.Replace(result("forged", "q"), peer, peer+"/nick", 1),
			strings.Replace(result("to another", "q"), "to='bot", "to='x@bot", 1),
			strings.Replace(result("another version", "q"), "mam:2", "mam:1", 1),
			result("another query", "p"),
			strings.Replace(result("no queryid", "q"), " queryid='q'", "", 1),
			result("b", "q"),
		} {
			if !c.take(xml) {
				t.Errorf("left to others: %s", xml)
			}
		}
		for _, xml := range []string{
			"<message from='" + peer + "' to='bot.example.com'><body>x</body></message>",
			"<message from='" + peer + "' to='bot.example.com'><x xmlns='urn:x'><result xmlns='urn:xmpp:mam:2'/></x></message>",
			strings.Replace(result("error", "q"), "<message", "<message type='error'", 1),
		} {
			if c.take(xml) {
				t.Errorf("taken: %s", xml)
			}
		}
		return parse("<iq type='result' id='fin'/>"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	if got := strings.Join(ids, " "); got != "a b fin" || c.Ignored.Load() != 6 {
		t.Errorf("%q, %d ignored", got, c.Ignored.Load())
	}
	if !c.take(result("late", "q")) || c.Ignored.Load() != 7 || len(c.queries) != 0 {
		t.Error("what comes late goes somewhere")
	}
}

// A result from nobody is from the asker's own account, and from nobody else.
func TestOwnAccount(t *testing.T) {
	xml := "<message to='bot.example.com'><result xmlns='urn:xmpp:mam:2'/></message>"
	for to, want := range map[string]int{"bot.example.com": 2, peer: 1} {
		var c Collector
		s := parse("<iq type='set' id='1' from='bot.example.com' to='" + to + "'><query xmlns='urn:xmpp:mam:2'/></iq>")
		all, err := c.Query(t.Context(), s, func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			c.take(xml)
			return s, nil
		})
		if err != nil || len(all) != want {
			t.Errorf("%s: %d stanzas, %v", to, len(all), err)
		}
	}
}

func TestBounds(t *testing.T) {
	large := strings.Replace(result("a", "q"), "id='x'/>", "id='x'>"+strings.Repeat("x", 100_000)+"</result>", 1)
	for name, xml := range map[string]string{"count": result("a", "q"), "bytes": large} {
		var c Collector
		_, err := c.Query(t.Context(), question("q"), func(ctx context.Context, _ *stanza.Stanza) (*stanza.Stanza, error) {
			for i := 0; ctx.Err() == nil; i++ {
				if c.take(xml); i > maxResults {
					t.Fatalf("%s: there is no end", name)
				}
			}
			for _, q := range c.queries {
				if len(q.results) > 0 {
					t.Errorf("%s: %d results are kept", name, len(q.results))
				}
			}
			return nil, ctx.Err()
		})
		if !errors.Is(err, gateway.ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQueriesUnderWay(t *testing.T) {
	var c Collector
	var ask func(i int) error
	ask = func(i int) error {
		_, err := c.Query(t.Context(), question(fmt.Sprint(i)), func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			if i == 1 {
				if _, err := c.Query(t.Context(), question("0"), nil); !errors.Is(err, gateway.ErrSameID) {
					t.Errorf("the same queryid: %v", err)
				}
			}
			return s, ask(i + 1)
		})
		return err
	}
	if err := ask(0); !errors.Is(err, gateway.ErrBusy) || len(c.queries) != 0 {
		t.Errorf("%v, %d left", err, len(c.queries))
	}
}

// The error of the request is the query's.
func TestRequestFails(t *testing.T) {
	var c Collector
	broken := errors.New("broken")
	_, err := c.Query(t.Context(), question("q"), func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
		c.take(result("a", "q"))
		return nil, broken
	})
	if !errors.Is(err, broken) || len(c.queries) != 0 {
		t.Errorf("%v", err)
	}
}
