//go:build integration && compat

package http

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/rest/conformance"
)

// TestRestCompat sends the cases of the surface's own tests to a mod_rest and
// lists where it answers otherwise. MODULES is a directory with mod_rest in it,
// which Prosody loads. Differences do not fail the test: they are what it is for.
func TestRestCompat(t *testing.T) {
	m := startModRest(t)
	u := harness.Login(t, m.server, "olivia")
	same, other := 0, 0
	for _, c := range restCases(t) {
		if (c.As != "all" && c.As != "nobody") || strings.Contains(c.Body, "$") || c.Header.Get("Authorization") != "" {
			continue // about tokens of ours, or written for a program
		}
		if err := m.differs(t, &c, u); err != nil {
			other++
			t.Logf("%s: %s\n%s %s\n%s\n-- %v", c.File, c.Title, c.Method, c.Path, c.Body, err)
		} else {
			same++
		}
	}
	t.Logf("%d cases alike, %d not", same, other)
}

// modRest is a Prosody with a component of mod_rest.
type modRest struct {
	server *lab.Server
	url    string
	token  string
}

func startModRest(t *testing.T) *modRest {
	t.Helper()
	m := harness.FindModules(t, "mod_rest")
	o := harness.ServerOptions(lab.Prosody)
	o.PluginPath = m.Own
	o.Edit = func(config []byte) ([]byte, error) {
		return []byte(m.WithHTTP(config, `; http_default_host = "rest.localhost"`) + "\n" + m.Rest("rest.localhost")), nil
	}
	s := harness.StartServer(t, o)
	return &modRest{server: s, url: "http://127.0.0.1:" + m.Port, token: m.RestToken(t)}
}

// differs sends a case and says in what the module is different.
func (m *modRest) differs(t *testing.T, c *conformance.Case, u harness.User) error {
	t.Helper()
	if c.As != "nobody" {
		c.Header.Set("Authorization", "Bearer "+m.token)
	}
	if c.Header.Get("Prosody-Rest-Timeout") == "" {
		c.Header.Set("Prosody-Rest-Timeout", "2")
	}
	if c.Condition != "" && c.Header.Get("Accept") == "" { // there the default is HTML
		c.Header.Set("Accept", "application/json")
	}
	r := sendCase(t, m.url, c)
	if strings.HasPrefix(r.Body, "<!DOCTYPE html>") { // the one thing it says
		_, page, _ := strings.Cut(r.Body, `<p class="extra">`)
		text, _, _ := strings.Cut(page, "</p>")
		r.Body = "HTML: " + text
	}
	if strings.HasPrefix(c.Sent, "<iq") { // clients put their language into answers
		r.Body = strings.NewReplacer(" xml:lang='en'", "", `"lang":"en",`, "", `,"lang":"en"`, "").Replace(r.Body)
	}
	if len(c.Received) > 0 && !c.Is("real") {
		// What the case lets the server answer is not what this one answers.
		if r.Status != c.Status {
			return errors.New("status " + strconv.Itoa(r.Status) + ", ours " + strconv.Itoa(c.Status) + ": " + r.Body)
		}
		return nil
	}
	if err := c.CheckAnswer(r.Status, r.Header.Get("Content-Type"), r.Body); err != nil {
		return err
	}
	want, _, _ := strings.Cut(c.Sent, ">")
	if c.Sent == "" || strings.HasPrefix(c.Sent, "<iq") || !strings.Contains(want, "to='olivia@localhost") {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, id, _ := strings.Cut(want, " id='")
	id, _, _ = strings.Cut(id, "'")
	got, err := u.Next(ctx, func(r lab.Received) bool {
		return r.ID == id || id == "*" && conformance.Contains(c.Sent, received(r))
	})
	switch {
	case err != nil:
		return errors.New("the user gets nothing like it; from us " + c.Sent)
	case !conformance.Contains(c.Sent, received(got)):
		return errors.New("the user gets\n" + received(got) + "\nfrom us\n" + c.Sent)
	}
	return nil
}
