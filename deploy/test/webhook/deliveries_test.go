//go:build integration

package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// An operator's morning: a bot refused a message, another endpoint has asked to
// be left alone. She looks, tries the endpoint, lets it work again, and
// replays what was refused.
func TestDeliveriesByHand(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		var status atomic.Int64
		var tests atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var event struct{ Type string }
			if err := json.NewDecoder(r.Body).Decode(&event); err == nil && event.Type == "test" {
				tests.Add(1)
				w.WriteHeader(204)
				return
			}
			if code := int(status.Load()); code != 200 {
				w.WriteHeader(code)
				fmt.Fprint(w, "not today")
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "at last")
		}))
		t.Cleanup(srv.Close)
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: hand.localhost, server: %q, secret: %q}]
endpoints: [{name: shop, url: %q}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, s.ComponentAddr(), harness.Secret, srv.URL, filepath.Join(dir, "store")))
		p := harness.LaunchFile(t, file)
		p.AwaitLinks(1)
		cli := func(args ...string) (string, int) {
			t.Helper()
			cmd := exec.Command(harness.Binary, append(append([]string{"deliveries"}, args...), "--api", "http://"+p.Addr)...)
			cmd.Env = append(os.Environ(), "STANZAHOOK_TOKEN=unused")
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil {
				t.Fatal(err)
			}
			return string(out), cmd.ProcessState.ExitCode()
		}
		u := harness.Login(t, s, "heidi")

		// refused: the sender knows, and the message is a dead letter
		status.Store(422)
		u.Send("<message to='shop@hand.localhost' type='chat' id='m1'><body>buy tea</body></message>")
		if r := u.Await("the refusal", func(r lab.Received) bool { return r.ID == "m1" }); r.Error != "bad-request" {
			t.Errorf("the sender got %+v", r)
		}
		out, code := cli("list", "--dead", "--json")
		var list struct {
			Items []struct {
				ID, Endpoint, State, Type, From, Reason string
			}
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Items) != 1 || list.Items[0].State != "dead" || list.Items[0].Endpoint != "shop" {
			t.Fatalf("%d %s", code, out)
		}
		id := list.Items[0].ID
		if out, _ := cli("show", id); !strings.Contains(out, "buy tea") || !strings.Contains(out, "422") || !strings.Contains(out, "not today") {
			t.Errorf("show: %s", out)
		}

		// gone: the endpoint is disabled, what comes waits
		status.Store(410)
		u.Send("<message to='shop@hand.localhost' type='chat' id='m2'><body>buy milk</body></message>")
		endpoint := func() string { return p.Get("/v1/endpoints/shop").Body }
		harness.Eventually(t, "the endpoint is disabled", func() bool { return strings.Contains(endpoint(), `"state":"disabled"`) })
		status.Store(200)
		if r, err := p.Call("POST", "/v1/endpoints/shop/test", "", "", ""); err != nil || r.Status != 200 || tests.Load() != 1 {
			t.Errorf("test event: %v %+v, %d came", err, r, tests.Load())
		}
		if r, err := p.Call("POST", "/v1/endpoints/shop/enable", "", "", ""); err != nil || r.Status/100 != 2 {
			t.Errorf("enable: %v %+v", err, r)
		}
		u.Await("the answer to what waited", func(r lab.Received) bool { return r.Body == "at last" })

		// replay: it is delivered after all, under its id, and is no dead letter any more
		if out, code := cli("replay", id); code != 0 {
			t.Fatalf("replay: %d %s", code, out)
		}
		if r := u.Await("the answer to what was replayed", func(r lab.Received) bool { return r.Body == "at last" }); !strings.HasPrefix(r.ID, id) {
			t.Errorf("the reply has the id %s, the event %s", r.ID, id)
		}
		harness.Eventually(t, "the log says so", func() bool {
			out, _ := cli("list", "--state", "delivered", "--json")
			return strings.Contains(out, id)
		})
		if out, code := cli("list", "--dead"); code != 0 || strings.Contains(out, id) {
			t.Errorf("still a dead letter: %s", out)
		}
		if out, code := cli("show", "evt_nonsense"); code != 1 || out == "" {
			t.Errorf("an id that is none: %d %s", code, out)
		}
	})
}
