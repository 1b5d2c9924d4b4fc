//go:build integration

package link

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	v1 "stanzahook/httpapi/v1"
)

// Where the server has neither rooms nor uploads, the status and "check --live" say so, with the
// lines of the server's configuration that add them, and so does what needs them. What is said is
// in testdata.
func TestServicesNone(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		said := harness.NewTranscript(t, func(string) bool { return false }) // the server's words are in the answers
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.More = "rooms:\n  - {jid: ops@rooms.localhost, from: echo@event.localhost, nick: Bot, create: true}\n"
		file := c.Write(t, t.TempDir())
		p := harness.LaunchLinked(t, file)
		got := func(v any) {
			t.Helper()
			line, err := json.Marshal(v)
			require.NoError(t, err)
			said.Got(string(line))
		}

		// The bot tries to join again and again: it waits between.
		said.Step("GET /v1/status: services")
		var services []v1.ServiceStatus
		asked := false // the server itself, which tells what its services are made of
		harness.Eventually(t, "the services are asked", func() bool {
			r, err := p.Call("GET", "/v1/status", "token-all", "", "")
			var st v1.Status
			if err != nil || json.Unmarshal([]byte(r.Body), &st) != nil {
				t.Fatal(r, err)
			}
			services, asked = nil, false
			for _, v := range st.Services {
				switch {
				case v.Kind == v1.ServiceServer:
					asked = v.Answers != nil
				case v.Kind == v1.ServiceUpload, v.Answers != nil && v.Rooms.Waiting == 1:
					services = append(services, v)
				}
			}
			return asked && len(services) == 2
		})
		for _, v := range services {
			if v.Advice == nil || v.Kind == v1.ServiceUpload && v.JID != "" || v.Kind == v1.ServiceRooms && v.Condition == nil {
				t.Errorf("%+v", v)
			}
			got(v)
		}

		said.Step("stanzahook check --live: rows")
		var rows []v1.Check
		harness.Eventually(t, "the check of a bot that waits", func() bool {
			env := []string{"STANZAHOOK_API=http://" + p.Addr, "STANZAHOOK_TOKEN=token-admin"}
			_, out, errs := harness.RunProgram(t, env, "check", "--live", "--json", "--config", file)
			var all struct{ Checks []v1.Check }
			if err := json.Unmarshal([]byte(out), &all); err != nil {
				t.Fatalf("%v: %s%s", err, out, errs)
			}
			rows = nil
			for _, c := range all.Checks {
				if c.What == "rooms" || c.What == "uploads" {
					rows = append(rows, c)
				}
			}
			return len(rows) > 0 && rows[0].Found == "1 room of bots: 0 joined, 0 joining, 1 waiting, 0 refused"
		})
		for _, c := range rows {
			got(c)
		}

		said.Step("a file is uploaded")
		if r := said.Call(p, "POST", "/v1/files?name=a.txt&from=echo@event.localhost", "text/plain", "hello world"); r.Status != 501 {
			t.Error(r)
		}
		said.Compare("services-none", kind, *update)
	})
}
