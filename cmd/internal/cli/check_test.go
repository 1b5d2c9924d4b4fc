package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// smallConfig is a configuration with what must be in one.
const smallConfig = "components:\n  - domain: bot.example.com\n    secret: hunter2\n"

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestCheckWarnsOfAReadableFile(t *testing.T) {
	file := writeConfig(t, smallConfig)
	require.NoError(t, os.Chmod(file, 0o644))
	if code, out, _ := inProgram(t, "check", "--config", file); code != 0 || !strings.Contains(out, "warn") || !strings.Contains(out, "→ chmod 600") {
		t.Errorf("%d %s", code, out)
	}
}

const liveConfig = `
components: [{domain: bot.example.com, server: "%s", secret: secret}]
endpoints:
  - {name: here, url: "http://%s/hook?to={to}"}
  - {name: away, url: "http://%s/", stanzas: [presence]}
  - {name: pulled, stanzas: [message]}
rosters: [{host: example.com, url: "http://%[2]s/contacts/%%s", timeout: 2s}]
http: {listen: "%[4]s"}
store: {dir: store}
`

// answersServer answers as a server does that grants rosters alone.
func answersServer(srv *componenttest.Server, offset time.Duration) {
	srv.Prelude("<message from='example.com' to='bot.example.com'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>")
	srv.Answer(func(s *stanza.Stanza) string {
		body := ""
		if _, ok := s.Child("urn:xmpp:time", "time"); ok {
			body = "<time xmlns='urn:xmpp:time'><tzo>+01:00</tzo><utc>" + time.Now().Add(offset).UTC().Format("2006-01-02T15:04:05Z") + "</utc></time>"
		} else if _, ok := s.Child("jabber:iq:roster", "query"); ok {
			body = "<query xmlns='jabber:iq:roster'><item jid='a@example.com'/><item jid='b@example.com'/></query>"
		} else {
			return ""
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'>%s</iq>", s.ID, s.To, s.From, body)
	})
}

// free returns an address of loopback where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestCheckLiveAlone(t *testing.T) {
	t.Setenv(EnvAPI, "")
	asked := make(chan string, 10)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		fmt.Fprint(w, `{"a@example.com":{}}`)
	}))
	defer app.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	answersServer(srv, time.Minute)
	file := writeConfig(t, fmt.Sprintf(liveConfig, srv.Addr(), strings.TrimPrefix(app.URL, "http://"), "127.0.0.1:9", free(t)))
	code, out, errs := inProgram(t, "check", "--live", "--config", file, "--user", "juliet@example.com", "--json")
	if code != 1 || !strings.Contains(errs, "1 of 1") || strings.Count(errs, "\n") != 1 {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
	var got checked
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var lines []string
	for _, c := range got.Checks[6:] {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", c.Verdict, c.What, c.Subject, c.Found))
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"ok link bot.example.com: connected to " + srv.Addr(),
		"ok round trip bot.example.com: 5 messages",
		"warn privileges bot.example.com: example.com grants roster=both: logins are not seen",
		"warn clock bot.example.com: our clock is ", " behind example.com's", // a minute, give or take the second in which it was asked
		"ok roster source example.com: it wants 1 contact for juliet@example.com",
		"ok roster juliet@example.com: 2 contacts on the server, read by privilege (the server grants it)",
		"ok endpoint here: ", "fail endpoint away: cannot be reached: ", "ok endpoint pulled: its events are pulled",
		"ok store : ", "ok http ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if path := <-asked; path != "/contacts/juliet" || len(asked) > 0 {
		t.Errorf("also asked: %q", path)
	}
	srv.ExpectGoodbye()
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "store")); err == nil {
		t.Error("the store was made")
	}
	if n := srv.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}

	// Somebody has the store open, and does not answer: nothing is connected.
	s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(filepath.Dir(file), "store"), MaxBytes: 64 << 20, Log: zap.NewNop()})
	require.NoError(t, err)
	code, out, _ = inProgram(t, "check", "--live", "--config", file)
	s.Close()
	if code != 1 || !strings.Contains(out, ", but nothing answers at http://127.0.0.1:") || srv.Accepted() != 1 {
		t.Errorf("%d %s", code, out)
	}

	// So where it does answer, but not to us.
	standIn(t, `401 {"detail":"No credentials"}`)
	t.Setenv(envToken, "")
	if code, _, errs = inProgram(t, "check", "--live", "--config", file); code != 1 || !strings.Contains(errs, "the scope admin") || srv.Accepted() != 1 {
		t.Errorf("%d %s", code, errs)
	}
	t.Setenv(EnvAPI, "http://"+free(t))
	if code, _, errs = inProgram(t, "check", "--live", "--config", file); code != 1 || !strings.Contains(errs, "Is it running there?") || srv.Accepted() != 1 {
		t.Errorf("%d %s", code, errs)
	}
}

// A user of the server who is none of the application's is no mistake.
func TestCheckLiveUnknownUser(t *testing.T) {
	t.Setenv(EnvAPI, "")
	app := httptest.NewServer(http.NotFoundHandler())
	defer app.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	answersServer(srv, 0)
	file := writeConfig(t, fmt.Sprintf(liveConfig, srv.Addr(), strings.TrimPrefix(app.URL, "http://"), strings.TrimPrefix(app.URL, "http://"), free(t)))
	code, out, errs := inProgram(t, "check", "--live", "--config", file, "--user", "juliet@example.com")
	if code != 0 || !strings.Contains(out, "it does not know juliet@example.com (404), whose roster is left alone") {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
}

func TestCheckLiveFails(t *testing.T) {
	t.Setenv(EnvAPI, "")
	srv := componenttest.NewServer(t, "bot.example.com", "another")
	answersServer(srv, time.Hour)
	const nobody = "127.0.0.1:9"
	file := writeConfig(t, fmt.Sprintf(strings.ReplaceAll(liveConfig, "timeout: 2s", "timeout: 2s, backend: privilege"), srv.Addr(), nobody, nobody, free(t)))
	code, out, _ := inProgram(t, "check", "--live", "--config", file, "--user", "a@example.net")
	if code != 1 || !strings.Contains(out, "does not accept the secret") || strings.Contains(out, "round trip") || !strings.Contains(out, "example.net is not under rosters") {
		t.Errorf("%d %s", code, out)
	}
}

// A running instance is asked, and not only for what it says of itself.
func TestCheckLiveAsks(t *testing.T) {
	asked := standIn(t, `200 {"ok":false,"checks":[{"what":"link","subject":"bot\u001b","verdict":"fail","found":"down","advice":"do\u0007"}]}`)
	t.Chdir(t.TempDir())
	code, out, errs := inProgram(t, "check", "--live")
	if code != 1 || out != "fail  link  bot   down\n                  → do \n" || !strings.Contains(errs, "1 of 1 checks failed") {
		t.Errorf("%d %q %s", code, out, errs)
	}
	if (*asked)[0] != "POST /v1/check Bearer t {}" {
		t.Errorf("%q", *asked)
	}
}

func TestOwnAPI(t *testing.T) {
	for _, c := range []struct{ listen, base, want string }{
		{"127.0.0.1:5290", "", "http://127.0.0.1:5290"},
		{":5290", "/x", "http://127.0.0.1:5290/x"},
		{"0.0.0.0:1", "", "http://127.0.0.1:1"},
		{"[::]:1", "", "http://127.0.0.1:1"},
		{"[::1]:1", "", "http://[::1]:1"},
		{"127.0.0.1:0", "", ""},
	} {
		cfg := &config.Config{HTTP: config.HTTP{Listen: c.listen, BasePath: c.base}}
		if got := (&api{new(instance.API)}).own(cfg); got != c.want {
			t.Errorf("%s: %s", c.listen, got)
		}
	}
	cfg := &config.Config{HTTP: config.HTTP{Listen: "127.0.0.1:1", TLS: config.HTTPTLS{CertFile: "../config/testdata/server.pem"}}}
	a := &api{new(instance.API)}
	if got := a.own(cfg); got != "https://127.0.0.1:1" || a.Client.Transport == nil {
		t.Error(got)
	}
}
