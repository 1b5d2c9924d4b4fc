package config

import (
	"fmt"
	"reflect"

	"github.com/go-viper/mapstructure/v2"
)

// Mistakes are what is wrong with what is made by the API, such as an endpoint.
type Mistakes struct {
	Problems
	// Forbidden says that nothing is wrong but the address, which may not be reached.
	Forbidden bool
}

// madeSection reads the keys of what is made by the API: a JSON object with the keys of a
// section of the file. The name under key is that of the path, and may be left out.
func (cfg *Config) madeSection(text []byte, t reflect.Type, key, name, what string) (map[string]any, scope, error) {
	r := newReport("")
	s := scope{r, cfg, cfg.Files, ""}
	root, err := parseJSON(text)
	if err != nil {
		r.addLine(0, "", "the %s %v", what, err)
		return nil, s, &Mistakes{Problems: r.problems}
	}
	section, _ := (&keyReader{r: r}).section(root, t, "")
	if given, ok := section[key]; ok && given != name {
		s.add(key, "%s is not the %s in the path, %s; leave it out", quote(fmt.Sprint(given)), key, quote(name))
	}
	section[key] = name
	return section, s, nil
}

// decodeMade decodes one element of a list of the configuration over its defaults.
func decodeMade(into *Config, list string, section map[string]any) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: into, ErrorUnused: true, DecodeHook: overDefaults})
	if err != nil {
		return err
	}
	return d.Decode(map[string]any{list: []any{section}})
}

// madeElement is an element of a list that the file and the API can have.
type madeElement[T any] interface {
	*T
	ByAPI() bool
	nameOf() string
}

// ByAPI reports whether the endpoint was made by the API, and is not of the file.
func (e *Endpoint) ByAPI() bool { return e.Given != nil }

// ByAPI reports whether the hook was made by the API, and is not of the file.
func (h *Hook) ByAPI() bool { return h.Given != nil }

// ByAPI reports whether the command was made by the API, and is not of the file.
func (c *Command) ByAPI() bool { return c.Given != nil }

func (e *Endpoint) nameOf() string { return e.Name }
func (h *Hook) nameOf() string     { return h.Name }
func (c *Command) nameOf() string  { return c.Node }

// behindFile returns the elements of a list that are of the file, and behind them others, which
// were made by the API. Of two with one name, that of the file counts.
func behindFile[T any, P madeElement[T]](list []T, made []*T) []T {
	var all []T
	file := make(map[string]bool)
	for i := range list {
		if one := P(&list[i]); !one.ByAPI() {
			all = append(all, list[i])
			file[one.nameOf()] = true
		}
	}
	for _, one := range made {
		if !file[P(one).nameOf()] {
			all = append(all, *one)
		}
	}
	return all
}

// inFile reports whether an element of a list has a name, and is of the file.
func inFile[T any, P madeElement[T]](list []T, name string) bool {
	for i := range list {
		if one := P(&list[i]); one.nameOf() == name && !one.ByAPI() {
			return true
		}
	}
	return false
}

// WithEndpoints returns the configuration with the endpoints of its file, and behind them
// others, which were made by the API. Of two with one name, that of the file counts.
func (cfg *Config) WithEndpoints(made []*Endpoint) *Config {
	next := *cfg
	next.Endpoints = behindFile(cfg.Endpoints, made)
	return &next
}

// WithHooks is WithEndpoints for hooks.
func (cfg *Config) WithHooks(made []*Hook) *Config {
	next := *cfg
	next.Hooks = behindFile(cfg.Hooks, made)
	return &next
}

// WithCommands is WithEndpoints for commands, whose names are their nodes.
func (cfg *Config) WithCommands(made []*Command) *Config {
	next := *cfg
	next.Commands = behindFile(cfg.Commands, made)
	return &next
}

// EndpointInFile reports whether the file has an endpoint of a name.
func (cfg *Config) EndpointInFile(name string) bool { return inFile(cfg.Endpoints, name) }

// HookInFile reports whether the file has a hook of a name.
func (cfg *Config) HookInFile(name string) bool { return inFile(cfg.Hooks, name) }

// CommandInFile reports whether the file has a command of a node.
func (cfg *Config) CommandInFile(node string) bool { return inFile(cfg.Commands, node) }
