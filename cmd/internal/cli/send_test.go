package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// inSend runs the command against an instance that gives one answer, and returns
// what it printed and what the instance was asked.
func inSend(t *testing.T, status int, answer, stdin string, args ...string) (asked, stdout string, err error) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked += r.Method + " " + r.URL.String() + " " + string(body)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	defer s.Close()
	t.Setenv(EnvAPI, s.URL)
	var out strings.Builder
	cmd := sendCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	err = cmd.ExecuteContext(t.Context())
	return asked, out.String(), err
}

const bounceAnswer = `{"status":422,"detail":"juliet@example.com answered\u001b with the error service-unavailable","id":"m1","condition":"service-unavailable","stanza_error":{}}`

func TestSend(t *testing.T) {
	to := func(more ...string) []string { return append([]string{"--to", "juliet@example.com"}, more...) }
	for _, c := range []struct {
		name, stdin      string
		args             []string
		status           int
		answer           string
		asked, out, says string
		usage            bool
	}{
		{"sent", "", to("--body", "-x <ü>"), 200, `{"id":"m1","state":"confirmed"}`, `POST /v1/messages?wait=5s {"to":"juliet@example.com","type":"chat","body":"-x \u003cü\u003e"}`, "sent: the XMPP server has it (id m1)\n", "", false},
		{"from stdin", "one\n\ntwo\r\n", to("--body", "-", "--from", "a@bot.example.com", "--type", "groupchat", "--subject", "s", "--wait", "0"), 202, `{"id":"m1","state":"queued"}`,
			`POST /v1/messages {"to":"juliet@example.com","from":"a@bot.example.com","type":"groupchat","subject":"s","body":"one\n\ntwo"}`, "queued: it is stored", "", false},
		{"colours of a terminal", "\x1b[1mfull\n", to("--body", "-"), 200, `{"id":"m1","state":"confirmed"}`, `POST /v1/messages?wait=5s {"to":"juliet@example.com","type":"chat","body":"�[1mfull"}`, "sent: ", "", false},
		{"JSON", "", to("--body", "x", "--json"), 200, `{"id":"m1","state":"confirmed"}`, "", `{"id":"m1","state":"confirmed"}` + "\n", "", false},
		{"bounced", "", to("--body", "x"), 422, bounceAnswer, "", "", "the message came back (service-unavailable): juliet@example.com answered  with", false},
		{"bounced, JSON", "", to("--body", "x", "--json"), 422, bounceAnswer, "", bounceAnswer + "\n", "Is there an account juliet@example.com?", false},
		{"no scope", "", to("--body", "x"), 403, `{"detail":"the token lacks the scope \"send\""}`, "", "", "a token with the scope send into STANZAHOOK_TOKEN", false},
		{"no token", "", to("--body", "x"), 401, `{"detail":"No credentials"}`, "", "", envToken, false},
		{"down", "", to("--body", "x"), 503, `{"detail":"too many"}`, "", "", "check --live", false},
		{"wrong address", "", to("--body", "x"), 400, `{"detail":"to: no"}`, "", "", "to: no", false},
		{"no to", "", []string{"--body", "x"}, 200, "", "", "", "--to is missing", true},
		{"no body", "", to(), 200, "", "", "", "--body is missing", true},
		{"wait", "", to("--body", "x", "--wait", "1h"), 200, "", "", "", "--wait", true},
		{"words", "", to("--body", "x", "y"), 200, "", "", "", "y", true},
	} {
		asked, out, err := inSend(t, c.status, c.answer, c.stdin, c.args...)
		text := ""
		if err != nil {
			text = err.Error()
		}
		var f failure
		if !strings.HasPrefix(asked, c.asked) || c.usage != (asked == "") || !strings.HasPrefix(out, c.out) || c.out == "" && out != "" || !strings.Contains(text, c.says) || strings.Contains(text, "\x1b") || (err == nil) != (c.says == "") || err != nil && errors.As(err, &f) == c.usage {
			t.Errorf("%s:\nasked %s\nsaid %s%v", c.name, asked, out, err)
		}
	}
}
