//go:build integration && deb

package trial

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	config   = "/etc/stanzahook/stanzahook.yaml"
	password = "'her password'" // the guide's
)

// attachment is how the guide is followed with one of the servers.
type attachment struct {
	section string // of the guide
	unit    string
	ca      string // that the user's client trusts
	attach  func(*trial, *section)
	link    func(*trial, *section) // TLS of the component link
}

var attachments = map[string]attachment{
	"prosody":  {"Prosody", "prosody", "/etc/prosody/certs/example.com.crt", (*trial).attachProsody, (*trial).skipLink},
	"ejabberd": {"ejabberd", "ejabberd", "/etc/ejabberd/example.com.crt", (*trial).attachEjabberd, (*trial).secureLink},
}

// trial is one who follows the guide.
type trial struct {
	*machine
	attachment
}

// The operator's guide from its first command to its last, with the README's first bot,
// a real client, and the servers as the distribution has them. SERVER says with which;
// without it, with both.
func TestOperatorsGuide(t *testing.T) {
	sections := readGuide(t)
	known := []string{"Prosody", "ejabberd", "TLS", "Backup and restore", "Upgrade and downgrade", "First look"}
	for title := range sections {
		if !slices.Contains(known, title) {
			t.Errorf("the section %q has commands, and nobody runs them", title)
		}
	}
	base, err := filepath.Abs("../../bin/trial-debian")
	require.NoError(t, err)
	debs := []string{build(t, "v1.0.0"), build(t, "v1.1.0")}
	for name, how := range attachments {
		if only := os.Getenv("SERVER"); only != "" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			tr := &trial{boot(t, base), how}
			tr.copyIn(debs[0])
			tr.copyIn("../../examples/echo-python/bot.py")
			tr.copyIn("testdata/client.py")
			follow := func(title string, with func(*section)) {
				t.Helper()
				s := &section{t, tr.machine, title, sections[title]}
				with(s)
				s.done()
			}
			follow(how.section, func(s *section) { how.attach(tr, s) })
			tr.talk("hello", "grüße")
			follow("TLS", tr.secure)
			follow("Backup and restore", tr.restore)
			follow("Upgrade and downgrade", func(s *section) { tr.upgrade(s, debs[1]) })
			follow("First look", tr.look)
		})
	}
}

// build builds the package of a version for this machine.
func build(t *testing.T, version string) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("sh", "../release.sh", version, out)
	cmd.Env = append(os.Environ(), "ARCHS="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	debs, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("%q %v", debs, err)
	}
	return debs[0]
}

var tokenLine = regexp.MustCompile(`(?m)^  (sh_\S+)$`)

// printed takes apart what init has printed: the pieces of the server's configuration,
// and the commands.
func (tr *trial) printed(out string) (pieces []string) {
	tr.t.Helper()
	token := tokenLine.FindStringSubmatch(out)
	if token == nil {
		tr.t.Fatalf("init prints no token:\n%s", out)
	}
	tr.env = append(tr.env, "TOKEN="+token[1])
	for _, part := range strings.Split(out, "\n==> ")[1:] {
		head, text, _ := strings.Cut(part, ":\n\n")
		if strings.HasPrefix(head, "prosody.cfg.lua") || strings.HasPrefix(head, "ejabberd.yml") || strings.HasPrefix(head, "Then") {
			pieces = append(pieces, text)
		}
	}
	return pieces
}

// startBot starts the README's bot; "systemctl stop bot" ends it.
func (tr *trial) startBot() {
	tr.t.Helper()
	tr.write("/etc/systemd/system/bot.service", "[Service]\nExecStart=python3 /root/bot.py\n")
	tr.sh("systemctl daemon-reload; systemctl start bot")
}

func (tr *trial) attachProsody(s *section) {
	s.run()
	pieces := tr.printed(s.run())
	if len(pieces) != 3 {
		tr.t.Fatalf("init prints %q", pieces)
	}
	const host = "/etc/prosody/conf.d/example.com.cfg.lua"
	tr.write(host, tr.read(host)+pieces[0])
	tr.write("/etc/prosody/conf.d/stanzahook.cfg.lua", pieces[1])
	tr.startBot()
	s.run()
}

func (tr *trial) attachEjabberd(s *section) {
	const file = "/etc/ejabberd/ejabberd.yml"
	s.run()
	tr.write(file, tr.read(file)+"\n"+s.take("yaml"))
	pieces := tr.printed(s.run())
	if len(pieces) != 3 {
		tr.t.Fatalf("init prints %q", pieces)
	}
	for line := range strings.Lines(pieces[1]) { // all of these are there
		if name, _, ok := strings.Cut(strings.TrimSpace(line), ": {}"); ok && !strings.Contains(tr.read(file), "\n  "+name+": {}\n") {
			tr.t.Errorf("Debian's ejabberd.yml has no %s", name)
		}
	}
	tr.write(file, tr.read(file)+"\n"+pieces[0])
	tr.sh(pieces[2])
	tr.startBot()
	s.run()
}

// talk is a user who writes to the bot and is answered.
func (tr *trial) talk(texts ...string) {
	tr.t.Helper()
	said := tr.sh(tr.client(len(texts), texts...))
	for _, text := range texts {
		if !strings.Contains(said, "echo@bot.example.com chat You said: "+text+"\n") {
			tr.t.Errorf("no answer to %q:\n%s", text, said)
		}
	}
}

// client is the command line of a client.
func (tr *trial) client(expect int, texts ...string) string {
	line := []string{"python3", "client.py", password, tr.ca, "echo@bot.example.com", string(rune('0' + expect))}
	for _, text := range texts {
		line = append(line, "'"+text+"'")
	}
	return strings.Join(line, " ")
}

func (tr *trial) skipLink(s *section) { s.take("yaml"); s.take("yaml"); s.take("sh") }

func (tr *trial) secureLink(s *section) {
	const file, module = "/etc/ejabberd/ejabberd.yml", "    module: ejabberd_service\n"
	listener := tr.read(file)
	if !strings.Contains(listener, module) {
		tr.t.Fatalf("no listener in\n%s", listener)
	}
	tr.write(file, strings.Replace(listener, module, module+s.take("yaml"), 1))
	tr.configure(s.take("yaml"))
	s.run()
	tr.talk("by TLS")
}

// secure follows the section about TLS. What is for Prosody's users is put where the
// guide has ejabberd's.
func (tr *trial) secure(s *section) {
	tr.link(tr, s)
	if tr.unit == "prosody" {
		tr.sh("cp " + tr.ca + " /etc/stanzahook/")
	}
	before := tr.read(config)
	tr.configure(s.take("yaml"))
	received := make(chan string, 1)
	go func() { // juliet gets what she writes to herself by /msg
		said, _ := tr.try(tr.client(1))
		received <- said
	}()
	s.run()
	if said := <-received; !strings.Contains(said, "juliet@example.com chat Hello!\n") {
		tr.t.Errorf("juliet got\n%s", said)
	}
	tr.write(config, before)
	tr.sh("systemctl restart stanzahook")
	tr.ready()
}

// ready waits until it is connected, which systemctl does not.
func (tr *trial) ready() {
	tr.t.Helper()
	tr.sh("curl -s --retry 20 --retry-all-errors --retry-delay 1 -f http://127.0.0.1:5290/readyz")
}

// configure puts what the guide shows into stanzahook.yaml.
func (tr *trial) configure(text string) {
	tr.t.Helper()
	var all, more any
	for text, v := range map[string]*any{tr.read(config): &all, text: &more} {
		if err := yaml.Unmarshal([]byte(text), v); err != nil {
			tr.t.Fatalf("%v in\n%s", err, text)
		}
	}
	out, err := yaml.Marshal(joined(all, more))
	require.NoError(tr.t, err)
	tr.write(config, string(out))
}

// joined adds the keys of maps; of lists, to the first element.
func joined(a, b any) any {
	switch a := a.(type) {
	case map[string]any:
		for key, value := range b.(map[string]any) {
			a[key] = joined(a[key], value)
		}
		return a
	case []any:
		a[0] = joined(a[0], b.([]any)[0])
		return a
	}
	return b
}

// listed are the ids of events in a state. The delivery log is a moment behind.
func (tr *trial) listed(state string) []string {
	tr.t.Helper()
	tr.sh("sleep 1")
	var found struct {
		Items []struct{ ID string }
	}
	out := tr.sh(`STANZAHOOK_TOKEN=$TOKEN stanzahook deliveries list --json --state ` + state)
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		tr.t.Fatalf("%v in %s", err, out)
	}
	var ids []string
	for _, item := range found.Items {
		ids = append(ids, item.ID)
	}
	slices.Sort(ids)
	return ids
}

// restore makes a backup while events wait, lets them be delivered, and restores it:
// the same events come once more.
func (tr *trial) restore(s *section) {
	tr.sh("systemctl stop bot")
	before := tr.listed("delivered")
	tr.sh(tr.client(0, "one", "two", "three"))
	s.run()
	tr.ready()
	tr.answered("one", "two", "three")
	first := tr.listed("delivered")
	if len(first) != len(before)+3 {
		tr.t.Errorf("after the backup: %q, before: %q", first, before)
	}
	tr.sh("systemctl stop bot")
	s.run()
	tr.ready()
	if got := tr.listed("delivered"); !slices.Equal(got, before) {
		tr.t.Errorf("the backup has %q as delivered, want %q", got, before)
	}
	tr.answered("one", "two", "three")
	if got := tr.listed("delivered"); !slices.Equal(got, first) {
		tr.t.Errorf("after the restore other events: %q, want %q", got, first)
	}
}

// answered starts the bot when a client is online, and waits for its answers to what
// was written before.
func (tr *trial) answered(texts ...string) {
	tr.t.Helper()
	said := tr.sh(tr.client(len(texts)) + " > said & client=$!; until grep -qx online said; do sleep 0.1; done; systemctl start bot; wait $client; cat said; rm said")
	for _, text := range texts {
		if !strings.Contains(said, " You said: "+text+"\n") {
			tr.t.Errorf("no answer to %q:\n%s", text, said)
		}
	}
}

// upgrade installs a newer package while events wait.
func (tr *trial) upgrade(s *section, deb string) {
	tr.sh("systemctl stop bot; mkdir old; mv stanzahook_*.deb old")
	tr.sh(tr.client(0, "four", "five"))
	tr.copyIn(deb)
	config := tr.read(config)
	s.run()
	tr.ready()
	if said := tr.sh("stanzahook version; curl -s http://127.0.0.1:5290/metrics | grep build_info"); strings.Count(said, "1.1.0") != 2 {
		tr.t.Errorf("after the upgrade\n%s", said)
	}
	if config != tr.read("/etc/stanzahook/stanzahook.yaml") {
		tr.t.Error("the upgrade has changed the configuration")
	}
	tr.answered("four", "five")
	tr.sh("apt install --allow-downgrades ./old/stanzahook_*.deb")
	tr.ready()
	tr.talk("as before")
}

func (tr *trial) look(s *section) {
	said := s.run()
	for _, want := range []string{"Active: active (running)", "Status: \"", "\nready", `"msg":"connected"`, ": ready, running for ", "5 messages to ourselves", "nothing found"} {
		if !strings.Contains(said, want) {
			tr.t.Errorf("there is no %q", want)
		}
	}
	tr.t.Logf("%s", tr.sh("grep VmRSS /proc/$(pidof stanzahook)/status; curl -s http://127.0.0.1:5290/metrics | grep -E '^(process_open_fds|stanzahook_store_bytes)'"))
}
