package cli

import (
	"embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/roster/ejabberdapi"
)

//go:embed templates/*.tmpl
var templates embed.FS

// The servers that init knows.
const (
	serverProsody  = "prosody"
	serverEjabberd = "ejabberd"
)

const (
	// ejabberdAPIPort is where ejabberd's HTTP API is put: Debian's ejabberd has
	// other things at 5280.
	ejabberdAPIPort = "5281"
	ejabberdAccount = "stanzahook" // that may use the API
)

// attachment is what the configurations of stanzahook and the XMPP server share.
type attachment struct {
	Server     string
	Domain     string // of the component
	Host       string // of the users; empty: no privileges
	Address    string // of the server, for components
	IP, Port   string // of Address; no IP: it is a name
	Secret     string
	Password   string // of the account that may use ejabberd's API
	Token      string // its line in the configuration
	Store      string // directory
	NATS       string // URL of an external NATS; empty: the store is embedded
	HasRooms   bool   // the server's lines for rooms are wanted
	HasUploads bool   // and those for files
}

// Replicas is how many of the NATS servers keep each record.
func (a attachment) Replicas() int {
	switch n := strings.Count(a.NATS, ",") + 1; {
	case n >= 5:
		return 5
	case n >= 3:
		return 3
	}
	return 1
}

// Ejabberd, Loopback, Name and the others are for the templates.
func (a attachment) Ejabberd() bool     { return a.Server == serverEjabberd }
func (a attachment) Loopback() bool     { return config.IsLoopback(a.IP) }
func (a attachment) APIPort() string    { return ejabberdAPIPort }
func (a attachment) Account() string    { return ejabberdAccount }
func (a attachment) APIURL() string     { return "http://127.0.0.1:" + ejabberdAPIPort + "/api" }
func (a attachment) Commands() []string { return ejabberdapi.Commands() }

// Name is one for rules of ejabberd: of each component its own.
func (a attachment) Name() string {
	return "stanzahook_" + regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(a.Domain, "_")
}

// Rooms is the service of rooms that a new one would be, and Uploads that of files.
func (a attachment) Rooms() string   { return "rooms." + a.Base() }
func (a attachment) Uploads() string { return "upload." + a.Base() }

// Base is the domain of the users, as far as it is known.
func (a attachment) Base() string {
	if a.Host != "" {
		return a.Host
	}
	if _, parent, ok := strings.Cut(a.Domain, "."); ok && strings.Contains(parent, ".") {
		return parent
	}
	return a.Domain
}

// at sets the address of the server for components.
func (a *attachment) at(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, badPort := strconv.ParseUint(port, 10, 16)
	if err != nil || badPort != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@\"\\") || config.HasControl(host) {
		return fmt.Errorf("%q is not host:port; write for example 127.0.0.1:5347", address)
	}
	a.Address, a.Port = address, port
	switch ip, err := netip.ParseAddr(host); {
	case err == nil:
		a.IP = ip.String()
	case config.IsLoopback(host):
		a.IP = "127.0.0.1"
	}
	return nil
}

// paste is a piece of the server's configuration.
type paste struct {
	File  string `json:"file"`
	Where string `json:"where"`
	Text  string `json:"text"`
}

// pastes are what the server's configuration needs: all of it, or what it needs for rooms and
// files alone.
func (a attachment) pastes(onlyServices bool) ([]paste, error) {
	var all []paste
	var failed error
	add := func(name, where string) {
		file, target := "prosody.lua.tmpl", "prosody.cfg.lua"
		if a.Ejabberd() {
			file, target = "ejabberd.yml.tmpl", "ejabberd.yml"
		}
		text, err := a.render(file, name)
		failed = errors.Join(failed, err)
		all = append(all, paste{target, where, text})
	}
	if !onlyServices {
		a.component(add)
	}
	a.services(add)
	return all, failed
}

// component adds what the component needs, and its privileges.
func (a attachment) component(add func(name, where string)) {
	if a.Ejabberd() {
		add("ejabberd", "at the end: ejabberd puts sections of the same name together")
		if a.Host != "" {
			add("modules", "those of these modules that are not there yet; Debian's has both")
		}
		return
	}
	if a.Port != "5347" || !a.Loopback() {
		add("top", "near the top, before the first VirtualHost")
	}
	if a.Host != "" {
		add("host", "below the line VirtualHost \""+a.Host+"\" that you have (maybe in a file of its own in conf.d); do not write that line a second time: Prosody would drop the modules of the first")
	}
	add("component", "at the end")
}

// services adds what rooms and files need.
func (a attachment) services(add func(name, where string)) {
	have := func(module string) string {
		return "at the end; if you have a Component … \"" + module + "\" already, add the lines below the first to that one instead"
	}
	switch {
	case a.HasRooms && a.Ejabberd():
		add("rooms", "at the end, too")
		add("mod_muc", "into the options of mod_muc that you have, or as they are")
	case a.HasRooms:
		add("rooms", have("muc"))
	}
	switch {
	case a.HasUploads && a.Ejabberd():
		add("uploads", "at the end, too")
		add("mod_http_upload", "into the options of mod_http_upload that you have, as Debian's file does; else it also needs put_url, and a listener")
	case a.HasUploads:
		add("uploads", have("http_file_share"))
	}
}

// note says what else is left to do. A host grants privileges to components below
// it, and to those that have it in their configuration.
func (a attachment) note() string {
	if a.Host == "" || strings.HasSuffix(a.Domain, "."+a.Host) {
		return ""
	}
	return a.Domain + " is not below " + a.Host + ": what that grants counts only when it is in the configuration, under rosters or in http.basic.accounts.hosts."
}

// commands are to be run on the machine of the server.
func (a attachment) commands(onlyServices bool) []string {
	if !a.Ejabberd() {
		return []string{"systemctl restart prosody"}
	}
	if a.Host == "" || onlyServices {
		return []string{"ejabberdctl reload_config"}
	}
	return []string{"ejabberdctl reload_config", fmt.Sprintf("ejabberdctl register %s %s %s", ejabberdAccount, a.Host, a.Password)}
}

// render fills in a template.
func (a attachment) render(file, name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"quote": strconv.Quote, "yaml": plainOrQuoted}).ParseFS(templates, "templates/"+file)
	if err != nil {
		return "", fmt.Errorf("template %s: %w", file, err)
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, a); err != nil {
		return "", fmt.Errorf("template %s: %w", file, err)
	}
	return b.String(), nil
}

// plainOrQuoted writes a text in YAML. What looks like a domain or an address
// needs no quotes.
func plainOrQuoted(text string) string {
	if regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]*[a-z][a-z0-9-]*)+(:[0-9]+)?$|^[0-9]+(\.[0-9]+){3}:[0-9]+$`).MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}
