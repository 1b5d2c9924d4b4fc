//go:build integration

package guides

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// initAnswer is what init says of what it has written, as JSON.
type initAnswer struct {
	File, Token string
	Paste       []struct{ File, Where, Text string } // into the server's configuration
	Run         []string                             // on the server's machine
}

// pasteInto puts what init has printed into a server's configuration, where init
// says.
func pasteInto(t *testing.T, config string, made initAnswer) string {
	t.Helper()
	for _, p := range made.Paste {
		switch {
		case p.File == "ejabberd.yml":
			text, err := harness.AddYAML([]byte(config), harness.ReadYAML(t, p.Text))
			require.NoError(t, err)
			config = string(text)
		case strings.HasPrefix(p.Where, "near the top"):
			config = strings.Replace(config, "\nVirtualHost ", "\n"+p.Text+"\nVirtualHost ", 1)
		case strings.HasPrefix(p.Where, "below the line VirtualHost"): // at its end, as it has a modules_enabled
			before, after, ok := strings.Cut(config, "\nComponent ")
			if config = before + "\n" + p.Text; ok {
				config += "\nComponent " + after
			}
		default:
			config += "\n" + p.Text
		}
	}
	return config
}

// attached is a server with the lines of init in its configuration, and the
// configuration that init wrote, filled in.
type attached struct {
	*lab.Server
	file  string
	token string
}

// attach makes one. The rosters of users come from source.
func attach(t *testing.T, kind lab.Kind, bot, source string) attached {
	t.Helper()
	address, dir := "127.0.0.1:"+harness.FreePort(t), t.TempDir()
	code, out, errs := harness.RunProgram(t, nil, "init", "--json", "--server", string(kind), "--domain", "bot.localhost", "--host", "localhost", "--rooms", "--uploads", "--address", address, "--dir", dir)
	var made initAnswer
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 {
		t.Fatalf("%d %s%s %v", code, out, errs, err)
	}
	data, err := os.ReadFile(made.File)
	require.NoError(t, err)
	// What an operator fills in, and ports that are free here.
	api, listen := harness.FreePort(t), "127.0.0.1:"+harness.FreePort(t)
	config := harness.WithRosters(string(data))
	for old, replacement := range map[string]string{"https://app.example.com/contacts": source, "http://127.0.0.1:8080/hook": bot, "127.0.0.1:5290": listen} {
		if !strings.Contains(config, old) {
			t.Fatalf("there is no %s in\n%s", old, config)
		}
		config = strings.ReplaceAll(config, old, replacement)
	}
	config = strings.ReplaceAll(config, ":5281/", ":"+api+"/")
	require.NoError(t, os.WriteFile(made.File, []byte(config), 0o600))
	for i := range made.Paste {
		made.Paste[i].Text = strings.ReplaceAll(made.Paste[i].Text, "port: 5281", "port: "+api)
	}
	o := harness.ServerOptions(kind)
	files := harness.FreePort(t)
	if kind == lab.Prosody { // it has one listener for all
		o.ComponentPort, err = strconv.Atoi(portOnly(address))
		require.NoError(t, err)
	} else {
		words := strings.Fields(made.Run[1])
		o.Users[words[2]] = words[4]
	}
	o.Edit = func(config []byte) ([]byte, error) {
		// What servers have loaded out of the box, and those of the tests have not.
		text := strings.NewReplacer(`"ping" }`, `"ping", "time" }`, "  mod_ping: {}\n", "  mod_ping: {}\n  mod_time: {}\n  mod_mam: {}\n").Replace(string(config))
		return withFiles(kind, []byte(pasteInto(t, text, made)), files, t.TempDir())
	}
	s := harness.StartServer(t, o)
	return attached{s, made.File, made.Token}
}

// withFiles is what an operator has who serves files: here without TLS, at a port of loopback.
func withFiles(kind lab.Kind, config []byte, port, dir string) ([]byte, error) {
	if kind == lab.Prosody {
		for old, replacement := range map[string]string{
			"http_ports = { }\n":    fmt.Sprintf("http_ports = { %s }\nhttp_interfaces = { \"127.0.0.1\" }\nhttp_default_host = \"upload.localhost\"\n", port),
			"\"http_file_share\"\n": fmt.Sprintf("\"http_file_share\"\n    http_external_url = \"http://127.0.0.1:%s/\"\n", port),
		} {
			if !bytes.Contains(config, []byte(old)) {
				return nil, fmt.Errorf("there is no %q", old)
			}
			config = bytes.Replace(config, []byte(old), []byte(replacement), 1)
		}
		return config, nil
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return harness.AddYAML(config, map[string]any{
		"listen":  []any{map[string]any{"port": number, "ip": "127.0.0.1", "module": "ejabberd_http", "request_handlers": map[string]any{"/upload": "mod_http_upload"}}},
		"acl":     map[string]any{"local": map[string]any{"user_regexp": ""}},
		"modules": map[string]any{"mod_http_upload": map[string]any{"put_url": fmt.Sprintf("http://127.0.0.1:%s/upload", port), "docroot": dir}},
	})
}

// roomsOf is the service of rooms: ejabberd names its own.
func roomsOf(kind lab.Kind) string {
	if kind == lab.Ejabberd {
		return "conference.localhost"
	}
	return "rooms.localhost"
}

func portOnly(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// An operator's first steps: init, its lines into the server's configuration,
// serve, and the commands.
func TestInitAttaches(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"bob@localhost":{"name":"Bob","groups":["Friends"]}}`)
		}))
		defer source.Close()
		b := harness.NewBot(t)
		s := attach(t, kind, b.URL(), source.URL)
		firstSteps(t, kind, s)
	})
}

func firstSteps(t *testing.T, kind lab.Kind, s attached) {
	env := []string{"STANZAHOOK_TOKEN=" + s.token}
	expect := func(code int, wants []string, env []string, args ...string) {
		t.Helper()
		got, out, errs := harness.RunProgram(t, env, args...)
		for _, want := range wants {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%v: there is no %q", args, want)
			}
		}
		if got != code || t.Failed() {
			t.Errorf("%v: %d, want %d\n%s%s", args, got, code, out, errs)
		}
	}
	live := []string{"check", "--live", "--config", s.file, "--user", "alice@localhost"}
	expect(0, []string{"no mistakes", "bot.localhost"}, nil, "check", "--config", s.file)

	p := harness.LaunchLinked(t, s.file)
	api := []string{"STANZAHOOK_API=http://" + p.Addr, env[0]}
	expect(0, []string{"1 roster: 1 updated, 0 failed"}, api, "roster", "refresh", "alice")
	expect(0, []string{"bob@localhost", "as wanted"}, api, "roster", "show", "alice")
	granted := "localhost grants roster=both message=outgoing presence=managed_entity"
	asks := []string{"the secret is accepted", granted, "5 messages to ourselves", "it wants 1 contact", "1 contact on the server", "MiB used", "takes connections"}
	clock := "as that of localhost"
	if kind == lab.Ejabberd && os.Getenv("EJABBERD_ROOT") != "" {
		clock = "localhost does not report its time" // 24.12: see limitations.md
	}
	asks = append(asks, clock)
	expect(0, asks, env, live...)
	expect(1, []string{"the scope admin"}, nil, live...)
	expect(0, []string{"sent: the XMPP server has accepted it"}, api, "send", "--to", "alice@localhost", "--body", "hello")
	expect(1, []string{"the message bounced ("}, api, "send", "--to", "nobody@localhost", "--body", "hello")
	expect(0, []string{"nothing found"}, api, "deliveries", "list")
	// A bot makes a room, which has an archive.
	expect(0, []string{"echo@bot.localhost is joined as Echo"}, api, "rooms", "join", "ops@"+roomsOf(kind), "--from", "echo@bot.localhost", "--nick", "Echo", "--create")
	expect(0, []string{"ops@" + roomsOf(kind), "joined"}, api, "rooms", "list")
	expect(0, []string{"Echo", "moderator", "owner", "bot"}, api, "rooms", "members", "ops@"+roomsOf(kind))
	if os.Getenv("EJABBERD_ROOT") == "" { // 24.12 answers no IQ of a component to rooms: see limitations.md
		r, err := p.Call("GET", "/v1/rooms/ops@"+roomsOf(kind)+"/history", s.token, "", "")
		if err != nil || r.Status != 200 {
			t.Errorf("the archive: %d %s %v", r.Status, r.Body, err)
		}
	}
	expect(0, []string{"left"}, api, "rooms", "leave", "ops@"+roomsOf(kind))
	// A bot uploads a file.
	if os.Getenv("EJABBERD_ROOT") == "" { // on 24.12 the service has to be named: see limitations.md
		r, err := p.Call("POST", "/v1/files?name=a.txt&from=echo@bot.localhost", s.token, "text/plain", "hello")
		if err != nil || r.Status != 201 {
			t.Errorf("a file: %d %s %v", r.Status, r.Body, err)
		}
	}

	// Where the instance cannot be asked, its store tells that it is there.
	elsewhere := filepath.Join(filepath.Dir(s.file), "other.yaml")
	data, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(elsewhere, []byte(strings.Replace(string(data), p.Addr, "127.0.0.1:0", 1)), 0o600))
	expect(1, []string{"another stanzahook is using "}, env, "check", "--live", "--config", elsewhere)
	if n := p.Connects(); n != 1 {
		t.Errorf("%d connections", n)
	}
	p.StopWell()
	alone := []string{"the secret is accepted", granted, "5 messages to ourselves", "1 contact on the server", "no instance is using it", "is free"}
	expect(0, alone, nil, live...)
	require.NoError(t, s.Stop(t.Context()))
	expect(1, []string{"nothing listens at"}, nil, live...)
}
