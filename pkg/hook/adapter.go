package hook

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

// adapter reads the requests of one tool.
type adapter struct {
	read      func(h *Hook, r *Request) (reading, error)
	events    []string // the words for options.Events
	splits    bool     // a text for each alert is possible
	threads   bool     // its texts may have threads
	needsText bool     // a request without a text is a mistake
}

// reading is what an adapter has read.
type reading struct {
	event  string
	parts  []part
	target string
	of     string
	once   string // the id of the delivery
	said   Said
	state  string // stands for what is reported, if there is no id
}

// part becomes a text.
type part struct {
	data   any       // of templates
	own    *Template // the adapter's own; nil: text is it
	text   string
	thread string
}

// adapters are all adapters by name, in the order in which they are listed.
var adapters = [...]struct {
	name string
	make func() adapter
}{
	{"alertmanager", alertmanager}, {"grafana", grafana}, {"github", github}, {"gitea", gitea}, {"gitlab", gitlab}, {"uptime-kuma", uptimeKuma},
	{"slack", slack}, {"mattermost", mattermost}, {"discord", discord}, {"ntfy", ntfy}, {"gotify", gotify}, {"json", anyJSON}, {"text", anyText},
}

// adapterOf returns an adapter by its name.
func adapterOf(name string) (adapter, bool) {
	for _, a := range adapters {
		if a.name == name {
			return a.make(), true
		}
	}
	return adapter{}, false
}

// Adapters are the names of all adapters.
func Adapters() []string {
	var names []string
	for _, a := range adapters {
		names = append(names, a.name)
	}
	return names
}

//go:embed templates
var templates embed.FS

// own parses one of the templates of the adapters.
func own(name string) *Template {
	text, err := templates.ReadFile("templates/" + name + ".tmpl")
	if err != nil {
		panic(err) // it is built in
	}
	t, err := ParseTemplate(name, string(text))
	if err != nil {
		panic(err)
	}
	return t
}

//go:embed samples/*.json samples/*.body
var samples embed.FS

// Sample returns a request as the tool of an adapter sends it.
func Sample(name string) *Request {
	r := &Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}}
	file := map[string]string{
		"alertmanager": "alertmanager-firing.json", "grafana": "grafana-firing.json", "github": "github-push.json", "gitea": "gitea-push.json", "gitlab": "gitlab-push.json",
		"uptime-kuma": "uptime-kuma-down.json", "slack": "slack-attachments.json", "mattermost": "mattermost.json", "discord": "discord.json", "ntfy": "ntfy.body",
		"gotify": "gotify.json", "json": "json.json", "text": "text.body",
	}[name]
	switch name {
	case "github":
		r.Header.Set("X-GitHub-Event", "push")
	case "gitea":
		r.Header.Set("X-Gitea-Event", "push")
	case "gitlab":
		r.Header.Set("X-Gitlab-Event", "Push Hook")
	case "ntfy":
		r.Header = http.Header{"Title": {"Backup failed"}, "Priority": {"high"}, "Tags": {"warning,disk"}, "Click": {"https://backup.example.org/7"}}
	case "text":
		r.Header.Set("Content-Type", "text/plain")
	}
	r.Body, _ = samples.ReadFile("samples/" + file) // an unknown adapter has an empty body
	return r
}

// stateOf stands for a state that a tool reports.
func stateOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
