package lab

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

//go:embed prosody.cfg.lua.tmpl ejabberd.yml.tmpl ejabberd-users.erl.tmpl
var templates embed.FS

// Who asks the server, at every start, whether it is really the one we started:
// nobody else's server knows the random secrets. The domain is no subdomain of
// the users' host, so that it does not turn up in service discovery.
const (
	probeUser   = "lab-probe"
	probeDomain = "lab-probe.invalid"
)

// account is one user.
type account struct{ Name, Password string }

// config is what the templates see.
type config struct {
	Dir            string
	Host           string
	Accounts       []account   // the users and the probe
	Components     []Component // the probe, then the others
	ClientPort     int
	ComponentPort  int
	APIPort        int // 0: no API
	Admin          string
	Modules        []string
	PluginPath     string
	MaxStanzaBytes int
	Nagle          bool
	Root           bool // we run as root
	Edit           func([]byte) ([]byte, error)
}

func newConfig(o Options, dir string, root bool) config {
	c := config{
		Dir:            dir,
		Host:           o.Host,
		Accounts:       []account{{probeUser, rand.Text()}},
		Components:     []Component{{Domain: probeDomain, Secret: rand.Text()}},
		ComponentPort:  o.ComponentPort,
		Admin:          o.Admin,
		Modules:        o.Modules,
		PluginPath:     o.PluginPath,
		MaxStanzaBytes: o.MaxStanzaBytes,
		Nagle:          o.Nagle,
		Root:           root,
		Edit:           o.Edit,
	}
	for name, password := range o.Users {
		c.Accounts = append(c.Accounts, account{name, password})
	}
	c.setComponents(o.Components)
	return c
}

// setComponents leaves the probe where it is.
func (c *config) setComponents(all []Component) {
	c.Components = append(c.Components[:1:1], all...)
	for i, comp := range c.Components {
		if comp.Privileged && comp.Roster == "" {
			c.Components[i].Roster = RosterBoth
		}
	}
}

// Privileged returns the components with XEP-0356 rights.
func (c config) Privileged() []Component {
	var p []Component
	for _, comp := range c.Components {
		if comp.Privileged {
			p = append(p, comp)
		}
	}
	return p
}

// Rights are those to rosters that some component has.
func (c config) Rights() []string {
	var all []string
	for _, right := range []string{RosterBoth, RosterGet} {
		if len(c.With(right)) > 0 {
			all = append(all, right)
		}
	}
	return all
}

// With returns the components with a right to rosters.
func (c config) With(right string) []Component {
	var p []Component
	for _, comp := range c.Components {
		if comp.Roster == right {
			p = append(p, comp)
		}
	}
	return p
}

func (c config) probeAccount() account     { return c.Accounts[0] }
func (c config) probeComponent() Component { return c.Components[0] }

// renderEdited is render for a server's own configuration.
func (c config) renderEdited(name string) ([]byte, error) {
	text, err := c.render(name)
	if err != nil || c.Edit == nil {
		return text, err
	}
	if text, err = c.Edit(text); err != nil {
		return nil, fmt.Errorf("Options.Edit: %w", err)
	}
	return text, nil
}

// render fills in one of the embedded templates.
func (c config) render(name string) ([]byte, error) {
	t, err := template.New(name).
		Funcs(template.FuncMap{"lua": luaQuote, "yaml": strconv.Quote, "erl": erlBinary}).
		ParseFS(templates, name)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// luaQuote writes s as a Lua string. Go's own quoting will not do: Lua knows
// neither \u1234 nor \x1 as Go means them; three decimal digits are always right.
func luaQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == 0x7f {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// erlBinary writes s as an Erlang binary of its UTF-8 bytes, which needs no
// quoting at all.
func erlBinary(s string) string {
	n := make([]string, len(s))
	for i := range len(s) {
		n[i] = strconv.Itoa(int(s[i]))
	}
	return "<<" + strings.Join(n, ",") + ">>"
}
