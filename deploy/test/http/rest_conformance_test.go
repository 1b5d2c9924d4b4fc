//go:build integration

package http

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/rest/conformance"
)

// restCases are the cases of the surface's own tests, with the names of a real
// server and ids of their own.
func restCases(t *testing.T) []conformance.Case {
	t.Helper()
	cases, err := conformance.Read(os.DirFS("../../../httpapi/rest/testdata/conformance"))
	require.NoError(t, err)
	for i := range cases {
		id := fmt.Sprintf("case-%d", i)
		cases[i] = cases[i].Translated("u%40example.com", "olivia%40localhost", "u@example.com", "olivia@localhost",
			"bot.example.com", "rest.localhost", "example.com", "localhost",
			"id='1'", "id='"+id+"'", `"id":"1"`, `"id":"`+id+`"`, "id=1", "id="+id)
	}
	return cases
}

// TestRestConformance sends the cases that real servers answer alike, and looks
// at what the user gets.
func TestRestConformance(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		cases := restCases(t)
		p := harness.LaunchConnected(t, harness.OneComponent(s, "rest", harness.NewBot(t)))
		u := harness.Login(t, s, "olivia")
		ran := 0
		for _, c := range cases {
			if !c.Is("real") {
				continue
			}
			ran++
			t.Run(c.File+" "+c.Title, func(t *testing.T) {
				if c.As != "nobody" {
					c.Header.Set("Authorization", "Bearer token-"+c.As)
				}
				r := sendCase(t, "http://"+p.Addr, &c)
				// Clients that have a language put it into their answers.
				body := r.Body
				if strings.HasPrefix(c.Sent, "<iq") {
					body = strings.NewReplacer(" xml:lang='en'", "", `,"lang":"en"`, "").Replace(body)
				}
				if err := c.CheckAnswer(r.Status, r.Header.Get("Content-Type"), body); err != nil {
					t.Error(err)
				}
				if c.Sent == "" || strings.HasPrefix(c.Sent, "<iq") || t.Failed() {
					return
				}
				harness.User{Client: u.Client, T: t}.Await("the stanza", func(r lab.Received) bool { return conformance.Contains(c.Sent, received(r)) })
			})
		}
		if ran < 30 {
			t.Errorf("%d cases only", ran)
		}
	})
}

// received is a stanza as the client got it, as XML.
func received(r lab.Received) string {
	typ := ""
	if r.Type != "" {
		typ = " type='" + r.Type + "'"
	}
	return "<" + r.Kind + typ + ">" + r.Inner + "</" + r.Kind + ">"
}

// sendCase makes the request of a case.
func sendCase(t *testing.T, base string, c *conformance.Case) harness.Reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.Method, base+c.Path, strings.NewReader(c.Body))
	require.NoError(t, err)
	req.Header = c.Header.Clone()
	client := http.Client{Timeout: harness.Patience}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return harness.Reply{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}
