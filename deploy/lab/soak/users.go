//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// soakEcho answers in every format, and IQs.
func soakEcho(h *harness.Hook) (int, string, string) {
	_, body, xml := strings.Cut(h.Raw, "<body>")
	switch {
	case h.Kind == "iq":
		return http.StatusOK, "application/xmpp+xml", "<iq>" + h.XML[strings.Index(h.XML, "<query"):]
	case xml && h.Body == "":
		body, _, _ = strings.Cut(body, "</body>")
		return http.StatusOK, "application/xmpp+xml", "<message><body>" + body + "</body></message>"
	}
	return harness.EchoAnswer(h)
}

// ask sends IQs to a bot as a user. Each answer has to be that of the bot.
func (c *soakRecord) ask(ctx context.Context, u harness.User) {
	paced(ctx, 100*time.Millisecond, func() {
		id := fmt.Sprint("ask-", c.iqs.Add(1))
		wait, stop := context.WithTimeout(context.Background(), harness.Patience)
		defer stop()
		err := u.SendRaw(fmt.Sprintf("<iq to='direct@soak.localhost' type='get' id='%s'><query xmlns='urn:example:soak' n='%s'/></iq>", id, id))
		var r lab.Received
		if err == nil {
			r, err = u.Next(wait, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
		}
		if err != nil || r.Type != "result" || !strings.Contains(r.Inner, id) {
			c.t.Errorf("the answer to the IQ %s: %+v %v", id, r, err)
			c.wrong.Add(1)
		}
	})
}

// ping sends IQs to the server by HTTP.
func (c *soakRecord) ping(ctx context.Context) {
	paced(ctx, 100*time.Millisecond, func() {
		c.pings.Add(1)
		if r, err := c.p.Call("POST", "/v1/iq", "", harness.AsJSON, `{"to":"localhost","type":"get","ping":true}`); err != nil || r.Status != http.StatusOK {
			c.t.Errorf("a ping: %d %s %v", r.Status, r.Body, err)
			c.wrong.Add(1)
		}
	})
}

// refresh changes the contacts of users, and sees that the server has them.
func (c *soakRecord) refresh(ctx context.Context, app *harness.ContactsApp, users ...string) {
	paced(ctx, time.Second, func() {
		n := c.refreshes.Add(1)
		for _, u := range users {
			var b strings.Builder
			for i := range 50 {
				name := int64(i)
				if i < 5 {
					name = n / 2 // every other time nothing is new
				}
				fmt.Fprintf(&b, `,"c%d@example.com":{"name":"Contact %d","groups":{"Friends":true}}`, i, name)
			}
			app.Want(u, "{"+b.String()[1:]+"}")
		}
		r, err := c.p.Call("POST", "/roster_admin/refresh", "", harness.AsJSON, harness.JSONNames(users))
		if err != nil || r.Status != http.StatusOK || !strings.Contains(r.Body, `"errors":0`) || !strings.Contains(r.Body, fmt.Sprintf(`"updated":%d`, len(users))) {
			c.t.Errorf("refresh %d: %d %s %v", n, r.Status, r.Body, err)
			c.wrong.Add(1)
		}
		if n%10 != 0 {
			return
		}
		for _, u := range users {
			r, err := c.p.Call("GET", "/v1/rosters/"+u+"@localhost/diff", "", "", "")
			var d harness.RosterDiff
			if err == nil {
				err = json.Unmarshal([]byte(r.Body), &d)
			}
			if err != nil || r.Status != http.StatusOK || len(d.Add)+len(d.Change)+len(d.Remove) > 0 {
				c.t.Errorf("after refresh %d: %d %s %v", n, r.Status, r.Body, err)
				c.wrong.Add(1)
			}
		}
	})
}

// soakPull answers what it pulls by /rest until ctx ends.
func soakPull(ctx context.Context, t testing.TB, p *harness.Program) {
	for cursor := ""; ctx.Err() == nil; {
		query := url.Values{"wait": {"1s"}, "max": {"50"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		r, err := p.Call("GET", "/v1/endpoints/bot/events?"+query.Encode(), "", "", "")
		var page harness.PulledPage
		if err == nil {
			err = json.Unmarshal([]byte(r.Body), &page)
		}
		if err != nil || r.Status != http.StatusOK {
			t.Errorf("pulling: %d %s %v", r.Status, r.Body, err)
			return
		}
		for _, e := range page.Events {
			body := fmt.Sprintf(`{"kind":"message","type":"chat","id":%q,"from":%q,"to":%q,"body":%q}`, e.ID, e.Data.To, e.Data.From, e.Data.Body)
			if r, err := p.Call("POST", "/rest", "", harness.AsJSON, body); err != nil || r.Status != http.StatusAccepted {
				t.Errorf("answering: %d %s %v", r.Status, r.Body, err)
				return
			}
		}
		cursor = page.Cursor
	}
}
