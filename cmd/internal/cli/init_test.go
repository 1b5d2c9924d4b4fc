package cli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stanzahook/cmd/internal/config"
	"stanzahook/deploy/lab/harness"
)

// initJSON runs init and returns what it has made.
func initJSON(t *testing.T, args ...string) initialised {
	t.Helper()
	code, out, errs := inProgram(t, append([]string{"init", "--json"}, args...)...)
	var made initialised
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 {
		t.Fatalf("%d %s%s %v", code, out, errs, err)
	}
	return made
}

func TestInit(t *testing.T) {
	for _, c := range []struct {
		args []string
		host string
	}{
		{[]string{"--server", "prosody", "--domain", "bot.example.com"}, ""},
		{[]string{"--server", "prosody", "--domain", "Bot.Example.com", "--host", "example.com", "--address", "10.0.0.1:5999"}, "example.com"},
		{[]string{"--server", "ejabberd", "--domain", "bot.example.com"}, ""},
		{[]string{"--server", "ejabberd", "--domain", "bots.münchen.example", "--host", "münchen.example", "--address", "localhost:5348"}, "münchen.example"},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		made := initJSON(t, append(c.args, "--dir", dir)...)
		data, err := os.ReadFile(made.File)
		require.NoError(t, err)
		if info, err := os.Stat(made.File); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
		cfg, err := config.Load(made.File, nil)
		require.NoError(t, err)
		if cfg.HTTP.Tokens[0].Hash != sha256.Sum256([]byte(made.Token)) || strings.Contains(string(data), made.Token) || cfg.Store.Dir != filepath.Join(dir, "store") {
			t.Errorf("%v: %s", c.args, data)
		}
		var pasted strings.Builder
		for _, p := range made.Paste {
			pasted.WriteString(p.Text)
		}
		text := pasted.String()
		for _, want := range []string{cfg.Components[0].Secret.Reveal(), cfg.Components[0].Domain, cfg.Components[0].Server[strings.LastIndex(cfg.Components[0].Server, ":")+1:]} {
			if !strings.Contains(text, want) && want != "5347" {
				t.Errorf("%v: there is no %q in\n%s", c.args, want, text)
			}
		}
		if got := strings.Contains(text, "privilege"); got != (c.host != "") {
			t.Errorf("%v: privileges %v in\n%s", c.args, got, text)
		}
		if c.args[1] == "ejabberd" {
			var v map[string]any
			if err := yaml.Unmarshal([]byte(text), &v); err != nil || len(v["listen"].([]any)) == 0 {
				t.Errorf("%v:\n%s", err, text)
			}
		}
		if c.host == "" {
			continue
		}
		cfg, err = config.Parse(made.File, []byte(harness.WithRosters(string(data))), nil)
		if err != nil || len(cfg.Rosters) != 1 || cfg.Rosters[0].Host != c.host {
			t.Fatalf("%v: %v\n%s", c.args, err, harness.WithRosters(string(data)))
		}
		if password := cfg.Rosters[0].EjabberdAPI.Password.Reveal(); c.args[1] == "ejabberd" && !strings.HasSuffix(made.Run[1], " "+c.host+" "+password) {
			t.Errorf("%v: %q", c.args, made.Run)
		}
	}
}

// With --rooms, the lines have what bots in rooms need of each server.
func TestInitRooms(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"prosody", "--host", "example.com"}, []string{`Component "rooms.example.com" "muc"`, `modules_enabled = { "muc_mam" }`, "muc_room_cache_size = 2000", `restrict_room_creation must not be "local"`}},
		{[]string{"prosody"}, []string{`Component "rooms.example.com" "muc"`}},
		{[]string{"ejabberd"}, []string{"max_user_conferences: 2000", "access_create: stanzahook_bot_example_com_rooms", "mam: true", "server: bot.example.com"}},
	} {
		texts := func(more ...string) (text string) {
			made := initJSON(t, append(append([]string{"--domain", "bot.example.com", "--dir", filepath.Join(t.TempDir(), "new"), "--server"}, c.args...), more...)...)
			for _, p := range made.Paste {
				if p.File == "ejabberd.yml" {
					var v map[string]any
					if err := yaml.Unmarshal([]byte(p.Text), &v); err != nil {
						t.Errorf("%v:\n%s", err, p.Text)
					}
				}
				text += p.Text
			}
			return text
		}
		with, without := texts("--rooms"), texts()
		for _, want := range c.want {
			if !strings.Contains(with, want) || strings.Contains(without, want) && !strings.HasPrefix(want, "server:") {
				t.Errorf("%v: %q\n%s", c.args, want, with)
			}
		}
	}
}

// With --uploads, there are the lines of the service for files, and they are what the server takes.
func TestInitUploads(t *testing.T) {
	for server, wants := range map[string][]string{
		"prosody":  {`Component "upload.example.com" "http_file_share"`, "http_file_share_size_limit", "http_file_share_daily_quota", `http_file_share_access = { "example.com", "bot.example.com" }`},
		"ejabberd": {"access: stanzahook_bot_example_com_uploads", "max_size: 104857600", "server: bot.example.com", "allow: local"},
	} {
		made := initJSON(t, "--domain", "bot.example.com", "--dir", filepath.Join(t.TempDir(), "new"), "--server", server, "--uploads")
		text := ""
		for _, p := range made.Paste {
			text += p.Text
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q\n%s", server, want, text)
			}
		}
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	args := []string{"init", "--server", "ejabberd", "--domain", "bot.example.com", "--dir", dir}
	code, out, errs := inProgram(t, args...)
	if code != 0 || !strings.Contains(out, "\n==> ejabberd.yml, ") || errs != "" {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	file := filepath.Join(dir, configName)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	if code, out, errs = inProgram(t, args...); code != 1 || out != "" || !strings.Contains(errs, "is there already") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	// What else the server needs is shown, without secrets.
	code, out, errs = inProgram(t, append(args, "--rooms", "--uploads")...)
	if code != 0 || !strings.Contains(out, "mod_muc:") || !strings.Contains(out, "mod_http_upload:") || strings.Contains(out, "listen:") || strings.Contains(out, "password") || !strings.Contains(out, "is there already") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("%v\n%s", err, after)
	}
	if code, _, errs = inProgram(t, append(args, "--force")...); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) == string(before) {
		t.Errorf("%v\n%s", err, after)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

// Root writes for the service in a directory that is kept for its group, and for
// nobody else in others.
func TestInitForAGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to groups")
	}
	const group = 4242
	for mode, want := range map[os.FileMode]os.FileMode{0o750: 0o640, 0o755: 0o600, 0o700: 0o600} {
		dir := t.TempDir()
		require.NoError(t, errors.Join(os.Chown(dir, 0, group), os.Chmod(dir, mode)))
		made := initJSON(t, "--server", "prosody", "--domain", "bot.example.com", "--dir", dir)
		info, err := os.Stat(made.File)
		require.NoError(t, err)
		if gid := info.Sys().(*syscall.Stat_t).Gid; info.Mode().Perm() != want || (gid == group) != (want == 0o640) {
			t.Errorf("in a directory of mode %o: %v, group %d", mode, info.Mode(), gid)
		}
	}
}

// What is left to do is said: with the package it is to start the service, and a host
// that the component is not below has to be in the configuration.
func TestInitSaysWhatIsLeft(t *testing.T) {
	if got := then(serviceConfig); got[1] != "systemctl enable --now stanzahook" {
		t.Errorf("%q", got)
	}
	for host, want := range map[string]bool{"": false, "example.com": false, "example.org": true} {
		args := []string{"--server", "prosody", "--domain", "bot.example.com", "--dir", t.TempDir()}
		if host != "" {
			args = append(args, "--host", host)
		}
		made := initJSON(t, args...)
		if strings.Contains(made.Note, "not below "+host) != want || made.Then[1] != "stanzahook serve --config "+made.File {
			t.Errorf("%q: %q %q", host, made.Note, made.Then)
		}
	}
}

// With --nats the configuration has a store on NATS, which is right, and Prosody lets the
// next connection in.
func TestInitOnNATS(t *testing.T) {
	for urls, replicas := range map[string]int{"nats://127.0.0.1:4222": 1, "nats://n1:4222,nats://n2:4222,nats://n3:4222": 3} {
		made := initJSON(t, "--server", "prosody", "--domain", "bot.example.com", "--nats", urls, "--dir", t.TempDir())
		cfg, err := config.Load(made.File, nil)
		require.NoError(t, err)
		if n := cfg.Store.NATS; n.URL != urls || n.Replicas != replicas || n.Name != "stanzahook" || cfg.Store.Dir != "" {
			t.Errorf("%+v", cfg.Store)
		}
		var pasted strings.Builder
		for _, p := range made.Paste {
			pasted.WriteString(p.Text)
		}
		if !strings.Contains(pasted.String(), `component_conflict_resolve = "kick_old"`) {
			t.Error(pasted.String())
		}
	}
	if code, _, errs := inProgram(t, "init", "--server", "prosody", "--domain", "bot.example.com", "--nats", "http://n1", "--dir", t.TempDir()); code == 0 || !strings.Contains(errs, "store.nats.url") {
		t.Errorf("%d %s", code, errs)
	}
}
