package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"

	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
)

// Command is a command of bots (XEP-0050).
type Command struct {
	Node     string                `mapstructure:"node"` // unique
	Name     string                `mapstructure:"name"` // the node, if not given
	Bots     oneOrMore             `mapstructure:"bots"`
	Allow    oneOrMore             `mapstructure:"allow"` // none: nobody
	Endpoint string                `mapstructure:"endpoint"`
	URL      string                `mapstructure:"url"` // in its place
	Timeout  time.Duration         `mapstructure:"timeout"`
	Chat     string                `mapstructure:"chat"`  // empty: no lines of chats run it
	Form     formKeys              `mapstructure:"form"`  // empty: it runs at once
	Forms    formsKeys             `mapstructure:"forms"` // that answers may name
	BotGlobs []jid.Glob            `mapstructure:"-"`     // Bots, parsed
	Allowed  []jid.Glob            `mapstructure:"-"`     // Allow, parsed
	Address  *outbound.Address     `mapstructure:"-"`     // URL, parsed
	First    *form.Form            `mapstructure:"-"`     // Form, parsed; nil: none
	Others   map[string]*form.Form `mapstructure:"-"`     // Forms, parsed
	Given    map[string]any        `mapstructure:"-"`     // by the API: its keys; nil: it is of the file
}

// formKeys is a form as JSON, whose keys package form knows; formsKeys are several by name.
type (
	formKeys  string
	formsKeys map[string]string
)

var (
	typeOfForm  = reflect.TypeFor[formKeys]()
	typeOfForms = reflect.TypeFor[formsKeys]()
)

// defaultCommand is what an element of commands is decoded over.
func defaultCommand() Command { return Command{Timeout: 15 * time.Second} }

// form reads a form as JSON, in the order of its keys, which is that of what people see.
func (k *keyReader) form(n *yaml.Node, path string) (any, bool) {
	if n.Kind != yaml.MappingNode {
		k.r.reject(n.Line, path, "is %s where a form is needed; write for example {fields: [{name: env, type: text}]}", kindOf(n))
		return nil, false
	}
	b, ok := k.appendJSON(nil, n, path)
	return string(b), ok
}

func (k *keyReader) forms(n *yaml.Node, path string) (any, bool) {
	all := make(map[string]any)
	return all, k.chosen(n, path, "names with forms are needed; write for example {sure: {fields: [{name: sure, type: boolean}]}}", func(e *entry, key string) {
		if text, ok := k.form(resolved(e.value), key); ok {
			all[e.name] = text
		}
	})
}

func (k *keyReader) appendJSON(b []byte, n *yaml.Node, path string) ([]byte, bool) {
	n = resolved(n)
	k.r.lines[path] = n.Line
	if k.nodes++; k.nodes > maxNodes {
		return b, false
	}
	ok := true
	switch {
	case n.Kind == yaml.MappingNode:
		b = append(b, '{')
		for i, e := range k.entries(n, path) {
			if i > 0 {
				b = append(b, ',')
			}
			name, _ := json.Marshal(e.name) // a string can be encoded
			var one bool
			b, one = k.appendJSON(append(append(b, name...), ':'), e.value, join(path, e.shown()))
			ok = ok && one
		}
		return append(b, '}'), ok
	case n.Kind == yaml.SequenceNode:
		b = append(b, '[')
		for i, inner := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			var one bool
			b, one = k.appendJSON(b, inner, at(path, i))
			ok = ok && one
		}
		return append(b, ']'), ok
	case isNull(n):
		return append(b, "null"...), true
	}
	if tag := n.ShortTag(); (tag == "!!bool" || tag == "!!int" || tag == "!!float") && json.Valid([]byte(n.Value)) {
		return append(b, n.Value...), true
	}
	text, _ := json.Marshal(n.Value)
	return append(b, text...), true
}

// readForm parses a form, and reports what is wrong with it by the place of that.
func (s scope) readForm(name, text string) *form.Form {
	f, wrong := form.Decode([]byte(text))
	if len(wrong) == 0 {
		wrong = f.Check()
	}
	for _, p := range wrong {
		s.add(join(name, p.Field), "%s", p.Text)
	}
	return f
}

// MakeCommand reads a command that is made by the API, as MakeHook reads a hook.
func (cfg *Config) MakeCommand(node string, text []byte) (*Command, error) {
	section, s, err := cfg.madeSection(text, reflect.TypeFor[Command](), "node", node, "command")
	if err != nil {
		return nil, err
	}
	var one Config
	if err := decodeMade(&one, "commands", section); err != nil { // each value has its type already
		return nil, fmt.Errorf("command %s: %w", node, err)
	}
	c := &one.Commands[0]
	var others []Command
	for i := range cfg.Commands {
		if cfg.Commands[i].Node != node {
			others = append(others, cfg.Commands[i])
		}
	}
	c.check(s, others)
	s.elsewhere(c.Address)
	valid := len(s.problems) == 0
	if c.Address != nil && c.Address.Socket() != "" {
		s.add("url", "is a socket, which only the configuration file can name: a token of the API would reach every service of this machine")
	}
	if len(s.problems) > 0 {
		return nil, &Mistakes{s.problems, valid || len(s.problems) == 1 && cfg.forbids(c.Address)}
	}
	c.Given = make(map[string]any)
	_ = json.Unmarshal(text, &c.Given) // it was read a moment ago
	delete(c.Given, "node")
	if url, ok := c.Given["url"].(string); ok {
		c.Given["url"] = outbound.PublicURL(url)
	}
	return c, nil
}
