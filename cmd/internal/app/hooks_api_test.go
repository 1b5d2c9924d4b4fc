package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/stanza"
)

// hookKeys are the keys of a hook of the API; its secret is "s3cret".
func hookKeys(more string) string {
	return fmt.Sprintf(`{"adapter":"text","secret_hash":"sha256:%x","from":"alerts@bot.example.com","to":["juliet@example.com"]%s}`, sha256.Sum256([]byte("s3cret")), more)
}

// A hook of the API is there at once and after a restart, until it is deleted. What has
// mistakes, or is of the file, changes nothing.
func TestHooksByAPI(t *testing.T) {
	srv := newServer(t)
	config := noAuth + "hooks: [" + alertsHook("filed", "text", "") + "]\n"
	x := startAt(t, srv, zap.NewNop(), config)
	call := x.request
	call("PUT", "/v1/hooks/ci", hookKeys(""), 201, `"source":"api","count":0`)
	call("POST", "/hooks/ci/s3cret", "by the API", 202, "")
	x.hears("juliet", "by the API")
	call("PUT", "/v1/hooks/ci", hookKeys(`,"verify":{"kind":"github","secret":"hunter2"},"template":"{{.text}}!"`), 200, `"keys":{"adapter"`)
	if one := call("GET", "/v1/hooks/ci", "", 200, `"count":1`); strings.Contains(one, "hunter2") {
		t.Errorf("shows the secret: %s", one)
	}
	call("POST", "/hooks/ci/s3cret", "without a signature", 401, "")
	call("PUT", "/v1/hooks/ci", hookKeys(`,"template":"{{.text}}!"`), 200, "")

	for body, part := range map[string]string{
		hookKeys(`,"template":"{{range 5}}{{end}}"`):                        "template: ci: line 1:8: range over a number",
		hookKeys(`,"verify":{"kind":"github","secret_file":"/etc/passwd"}`): "only the configuration file can name",
		hookKeys(`,"verify":{"kind":"github","secret":"<secret>"}`):         "mask of a secret",
		hookKeys(`,"nope":1`): "unknown key",
		`{"adapter":"text","from":"alerts@bot.example.com","to":["j@example.com"]}`: "secret_hash: is missing",
		`[`: "hook",
	} {
		call("PUT", "/v1/hooks/ci", body, 400, part)
	}
	call("PUT", "/v1/hooks/filed", hookKeys(""), 409, "configuration file")
	call("DELETE", "/v1/hooks/filed", "", 409, "configuration file")
	call("DELETE", "/v1/hooks/none", "", 404, "no hook is named")
	call("POST", "/v1/hooks/ci/test", "", 200, `{"messages":[{"to":"juliet@example.com","body":"The washing machine has finished.\n!"}]}`)
	call("POST", "/v1/hooks/ci/test?send=1", "", 200, `"state":"confirmed"`)
	x.hears("juliet", "The washing machine has finished.\n!")
	call("POST", "/v1/hooks/none/test", "", 404, "")
	call("POST", "/hooks/ci/wrong", "a stranger", 401, "")
	if all := call("GET", "/v1/hooks/ci/requests", "", 200, `"result":"sent","error":null,"count":1,"messages":[{"to":"juliet@example.com"`); strings.Count(all, `"result"`) != 1 || strings.Contains(all, "by the API") {
		t.Errorf("%s", all) // the others were refused before they were requests of the hook
	}
	call("GET", "/v1/hooks/none/requests", "", 404, "no hook is named")

	var page struct{ Items []v1.Hook }
	x.get("/v1/hooks", &page)
	if len(page.Items) != 2 || page.Items[0].Source != "config" || page.Items[1].Name != "ci" || page.Items[1].Keys != nil {
		t.Errorf("%+v", page)
	}
	if _, err := x.reload(config); err != nil { // which keeps those of the API
		t.Fatal(err)
	}
	call("PUT", "/v1/endpoints/bot", `{}`, 201, "")
	call("POST", "/hooks/ci/s3cret", "after a reload", 202, "")
	x.hears("juliet", "after a reload!")

	x.restart("")
	call("POST", "/hooks/ci/s3cret", "after a restart", 202, "")
	x.hears("juliet", "after a restart!")
	call("DELETE", "/v1/hooks/ci", "", 204, "")
	call("POST", "/hooks/ci/s3cret", "deleted", 401, "")
}

// rejects is a network whose server does not take what is for one address.
type rejects struct {
	gatewaytest.Network
	to string
}

func (r *rejects) Send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	if s.To.String() == r.to {
		return "", gateway.ErrRejected
	}
	return r.Network.Send(ctx, s, how)
}

// A test that is sent goes to all, whatever became of the first, and says what became of each.
func TestHookTestGoesOn(t *testing.T) {
	x := startApp(t, noAuth)
	x.request("PUT", "/v1/hooks/ci", strings.Replace(hookKeys(""), `["juliet@example.com"]`, `["juliet@example.com","romeo@example.com","nurse@example.com"]`, 1), 201, "")
	for _, to := range []string{"juliet@example.com", "romeo@example.com", "nurse@example.com"} {
		network := &rejects{to: to}
		all, err := x.hookAPI(network).Test(t.Context(), "ci", true)
		if err != nil || len(all) != 3 || len(network.Sent()) != 2 {
			t.Fatalf("%s: %+v %v, sent %d", to, all, err, len(network.Sent()))
		}
		for _, m := range all {
			if failed := m.To == to; failed != (m.State == "failed") || failed != strings.Contains(m.Error, "lower max_chars") || failed == (m.ID != "") {
				t.Errorf("%+v", m)
			}
		}
	}
	network := &rejects{}
	network.Err = gateway.ErrRejected
	_, err := x.hookAPI(network).Test(t.Context(), "ci", true)
	if wrong, ok := errors.AsType[*v1.WrongHook](err); !ok || wrong.Status != 503 || wrong.RetryAfter == 0 || !strings.Contains(wrong.Text, "lower max_chars") || len(network.Sent()) != 3 {
		t.Errorf("none was sent: %v, tried %d", err, len(network.Sent()))
	}
}
