package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/cmd/internal/cli"
	"stanzahook/deploy/lab/wrongbot"
)

// dev runs "stanzahook dev" with a script against a bot.
func dev(t *testing.T, bot, script string, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.dev")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	return command(t, append([]string{"dev", "--bot", bot, "--listen", "127.0.0.1:0", "--script", file}, flags...)...)
}

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Run(t.Context(), args, &out, &errs, cli.Bridge{Serve: serve, Start: start})
	return code, out.String(), errs.String()
}

// bot starts a bot that answers the text of an event as a function does.
func bot(t *testing.T, answer func(w http.ResponseWriter, body string)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Body string } }
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &event)
		}
		if err != nil {
			t.Errorf("%v: %s", err, text)
		}
		answer(w, event.Data.Body)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/hook"
}

func echo(t *testing.T) string {
	return bot(t, func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "You said: "+body)
	})
}

// nowhere is a URL where no bot is.
func nowhere(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String() + "/hook"
}

// Whoever's bot gives no answer reads why: in a script beside what was wanted, and while
// one types, at once.
func TestDevSaysWhy(t *testing.T) {
	t.Parallel()
	rows := map[string]unanswered{
		"nothing":    {bot(t, func(w http.ResponseWriter, _ string) { w.WriteHeader(204) }), "hi", []string{"nothing within", "answered 204 No Content", "no reply is made of that: it is empty"}},
		"other text": {echo(t), "hi", []string{`got:    "You said: hi"`, "answered 200 OK"}},
	}
	more := map[string][]string{
		"down":    {"it is tried again; does the bot run at http://127.0.0.1:"},
		"error":   {"answered 500 Internal Server Error, text/plain, in ", `it says "Traceback: KeyError"; it is tried again`},
		"refuses": {"got:    the stanza error bad-request", `it says "no such order"`},
		"html":    {"answered 200 OK, text/html"},
		"json":    {"got:    the stanza error internal-server-error (the answer of the service could not be read)", "answered 200 OK, application/json"},
		"late":    {"no answer, after "},
	}
	var wrong wrongbot.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Webhook-Id") // it is wrong each time
		wrong.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	for _, b := range wrongbot.All() {
		r := unanswered{s.URL + "/hook", b.Name, more[b.Name]}
		if !b.OnlyStatus() {
			r.want = append(r.want, b.Why)
		}
		if !b.Runs() {
			r.bot = nowhere(t)
		}
		if b.Status != 0 {
			r.want = append(r.want, fmt.Sprintf("answered %d ", b.Status))
		}
		r.want = append(r.want, b.Quoted())
		switch {
		case b.State == "dead", strings.HasPrefix(b.Why, "invalid reply"):
			r.want = append(r.want, "got:    the stanza error ")
		default:
			r.want = append(r.want, "got:    nothing within ")
		}
		rows[b.Name] = r
	}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What comes in vain takes the whole patience; a slow machine gets more of it.
			missing := c.missing(t, 700*time.Millisecond)
			if missing != "" {
				missing = c.missing(t, 20*time.Second)
			}
			if missing != "" {
				t.Error(missing)
			}
		})
	}
}

// unanswered is a message to a bot that does not answer "hi".
type unanswered struct {
	bot, says string
	want      []string // what is to be said of that
}

// missing tells what is not said; empty: all is.
func (u unanswered) missing(t *testing.T, patience time.Duration) string {
	code, out, errs := dev(t, u.bot, "# a comment\n\n"+u.says+"\n< hi\n", "--timeout", (patience / 4).String(), "--patience", patience.String())
	if code != 1 || !strings.Contains(errs, "a.dev:4: not as expected\n  wanted: \"hi\"\n  got: ") {
		return fmt.Sprintf("exit code %d\n%s", code, errs)
	}
	for _, want := range u.want {
		if !strings.Contains(errs, want) {
			return fmt.Sprintf("no %q in\n%s", want, errs)
		}
	}
	_, why, _ := strings.Cut(errs, "why:    ")
	why, _, _ = strings.Cut(why, "\n")
	if !strings.Contains(out, "alice> "+u.says+"\n") || !strings.Contains(out, "\n  "+why+"\n") {
		return fmt.Sprintf("%q is not in\n%s", why, out)
	}
	return ""
}

// What the help says can be done, can.
func TestDevScript(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	url := bot(t, func(w http.ResponseWriter, body string) {
		asked <- body
		switch body {
		case "refuse":
			w.WriteHeader(http.StatusUnprocessableEntity)
		case "nothing":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "You said: "+body)
		}
	})
	code, out, errs := dev(t, url, `hi
< You said: hi
/as Bob
how <are> you?
<~ ^You said: how <are> \S+$
nothing
<none 100ms
refuse
<! bad-request
/say /help #1
< You said: /help #1
/room lounge
hi all
< You said: hi all
/to shop
/stop-bot
anybody?
<none 200ms
/start-bot
< You said: anybody?
/show
/help
`)
	if code != 0 || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{
		"bot to alice: You said: hi\n", "bob> how <are> you?\n", "bob in lounge> hi all\n", "bot in lounge: You said: hi all\n", "bob to shop> anybody?\n",
		"no answer, after ", "shop to bob: You said: anybody?\n", "\nPOST " + url + "\n", "\nWebhook-Id: evt_", "\n\nYou said: anybody?\n", `"body": "anybody?"`, "/stop-bot", "as expected: 8 of 8\n",
	} {
		if !strings.Contains(strings.ReplaceAll(out, "webhook-id", "Webhook-Id"), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
	close(asked)
	n := 0
	for range asked {
		n++
	}
	if n != 7 { // no reply to the room came back to the bot
		t.Errorf("%d requests", n)
	}
}

// A mistake in a script is reported with its line, before anything starts.
func TestDevScriptMistakes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"/frobnicate":        "/frobnicate is not known; there are /as, /to, /room, /say, /stop-bot, /start-bot, /show, /help; a message that begins with / is sent with /say",
		"/as":                "write /as NAME",
		"/show me":           "write /show",
		"/as a@b":            `/as: "a@b" is no NAME: write what stands before the @ of an address`,
		"<hi":                "an expectation is one of < TEXT, <~ RE2, <! CONDITION, <none 1s; a message that begins with < is sent with /say",
		"<~ (":               "error parsing regexp: missing closing ): `(`",
		"<none soon":         "write a duration, as in <none 1s",
		"/as x\r\n<none -1s": "write a duration, as in <none 1s",
	} {
		code, out, errs := dev(t, "http://127.0.0.1:1/", "hi\n"+line+"\n")
		at := fmt.Sprintf("a.dev:%d: ", 2+strings.Count(line, "\n"))
		if code != 1 || out != "" || !strings.HasSuffix(errs, at+want+"\n") {
			t.Errorf("%q: %d %s%s", line, code, out, errs)
		}
	}
}

// Others wait behind a message that is tried again, and one is told.
func TestDevOrder(t *testing.T) {
	t.Parallel()
	_, out, errs := dev(t, nowhere(t), "one\n<none 500ms\ntwo\n<none 100ms\n/as bob\nthree\n<none 100ms\n/as alice\n< one\n", "--patience", "1ms")
	if n := strings.Count(out, "it waits: the message before it is tried again first"); n != 1 || !strings.Contains(errs, "a.dev:9: ") {
		t.Errorf("told %d times\n%s%s", n, out, errs)
	}
}

// Without a terminal, what is typed comes from a pipe; the last answer is waited for.
func TestDevPipe(t *testing.T) {
	before := os.Stdin
	defer func() { os.Stdin = before }()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	os.Stdin = r
	fmt.Fprint(w, "/nope\nhi\n")
	_ = w.Close()
	t.Setenv("STANZAHOOK_TOKEN", "sh_mine")
	code, out, errs := command(t, "dev", "--bot", echo(t), "--listen", "127.0.0.1:0")
	if code != 0 || errs != "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{" STANZAHOOK_TOKEN=sh_mine\n", "alice> /nope\n/nope is not known", "alice> hi\n", "bot to alice: You said: hi\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "stanzahook-dev-*")); len(left) > 0 {
		t.Logf("there are %v; of others, or left behind", left)
	}
}

// A bot may send by itself, be in rooms, and ask what no user answers.
func TestDevBotThatSends(t *testing.T) {
	t.Setenv("STANZAHOOK_TOKEN", "sh_sends")
	listen := strings.TrimSuffix(strings.TrimPrefix(nowhere(t), "http://"), "/hook")
	post := func(path, body string) string {
		r, err := http.NewRequest(http.MethodPost, "http://"+listen+path, strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Authorization", "Bearer sh_sends")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, string(text), err)
	}
	answers := make(chan string, 3)
	url := bot(t, func(w http.ResponseWriter, body string) {
		w.WriteHeader(http.StatusAccepted)
		go func() {
			answers <- post("/v1/presence", `{"from":"bot@bot.localhost","to":"lounge@rooms.dev.localhost/robot","muc":{}}`)
			answers <- post("/v1/iq", `{"from":"bot@bot.localhost","to":"carol@dev.localhost/dev","type":"get","ping":true}`)
			answers <- post("/v1/messages", `{"from":"bot@bot.localhost","to":"carol@dev.localhost","body":"psst"}`)
		}()
	})
	file := filepath.Join(t.TempDir(), "a.dev")
	require.NoError(t, os.WriteFile(file, []byte("hi\n/as carol\n< psst\n"), 0o600))
	code, out, errs := command(t, "dev", "--bot", url, "--listen", listen, "--script", file)
	for _, want := range []string{"bot in lounge: presence available\n", "bot to carol: iq get <ping xmlns='urn:xmpp:ping'>, which is answered with service-unavailable\n", "bot to carol: psst\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if joined, asked, sent := <-answers, <-answers, <-answers; code != 0 || !strings.HasPrefix(joined, "202") || !strings.Contains(asked, "service-unavailable") || !strings.HasPrefix(sent, "202") {
		t.Errorf("exit code %d: %s\n%s\n%s\n%s", code, errs, joined, asked, sent)
	}
}
