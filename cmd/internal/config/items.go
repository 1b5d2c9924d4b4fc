package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// Item is one key of a configuration in force.
type Item struct {
	Key string // its path, as endpoints[1].timeout
	// Value is a bool, a number, a text or a list of texts; secrets and hashes are masked.
	Value  any
	Source string // file, environment, default or api
	Line   int    // in the file; 0: it is not there
}

// The sources of an item.
const (
	FromFile        = "file"
	FromEnvironment = "environment"
	FromDefault     = "default"
	FromAPI         = "api"
)

// Origins tell where the values of a configuration came from.
type Origins struct {
	File      string          // as it was named
	lines     map[string]int  // of the keys that the file sets
	variables map[string]bool // the keys that the environment sets
}

// origins returns where the values came from.
func (r *report) origins() Origins {
	o := Origins{File: r.file, lines: make(map[string]int), variables: make(map[string]bool)}
	for key, set := range r.set {
		if set {
			o.lines[key] = r.lineOf(key)
		}
	}
	for key := range r.variables {
		o.variables[key] = true
	}
	return o
}

// of returns the source of a key, and its line in the file.
func (o Origins) of(key string) (source string, line int) {
	if o.variables[key] {
		return FromEnvironment, 0
	}
	// A secret, or the hash of a token, may come from a file of its own.
	for _, name := range [...]string{key, key + "_file", strings.TrimSuffix(key, "hash") + "token_file"} {
		if line := o.lines[name]; line > 0 {
			return FromFile, line
		}
	}
	return FromDefault, 0
}

// Items returns all keys in the order of the reference, with their values and where these
// came from.
func (cfg *Config) Items() []Item {
	var all []Item
	cfg.list(reflect.ValueOf(*cfg), "", visible, func(key string, value any) {
		source, line := cfg.Origins.of(key)
		if cfg.isByAPI(key) {
			source, line = FromAPI, 0
		}
		all = append(all, Item{key, value, source, line})
	})
	return all
}

// Secrets visits the secrets, and the hashes of tokens, that the file and the environment set, as they are. No
// part of them may be shown.
func (cfg *Config) Secrets(visit func(key, text string)) {
	cfg.list(reflect.ValueOf(*cfg), "", revealed, func(key string, value any) {
		if text := fmt.Sprint(value); strings.Trim(text, "[ ]") != "" && !cfg.isByAPI(key) {
			visit(key, text)
		}
	})
}

// isByAPI reports whether a key is that of an endpoint, command or hook that was made by the API.
func (cfg *Config) isByAPI(key string) bool {
	list, rest, ok := strings.Cut(key, "[")
	number, _, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil:
		return false
	case list == "endpoints":
		return cfg.Endpoints[i].ByAPI()
	case list == "commands":
		return cfg.Commands[i].ByAPI()
	}
	return list == "hooks" && cfg.Hooks[i].ByAPI()
}

// list visits the keys of a section, and of the sections and lists in it, with what show makes of
// their values.
func (cfg *Config) list(section reflect.Value, path string, show func(key string, v reflect.Value) any, visit func(key string, value any)) {
	for _, f := range fieldsOf(section.Type()) {
		v, key := section.FieldByIndex(f.Index), join(path, nameOf(f))
		switch {
		case isLeaf(f.Type):
			visit(key, show(key, v))
		case f.Type.Kind() == reflect.Struct:
			cfg.list(v, key, show, visit)
		case f.Type == typeOfForm:
			visit(key, v.String())
		case f.Type == typeOfForms:
			for _, name := range slices.Sorted(maps.Keys(v.Interface().(formsKeys))) {
				visit(join(key, name), v.Interface().(formsKeys)[name])
			}
		case f.Type == typeOfVariables:
			for _, name := range slices.Sorted(maps.Keys(v.Interface().(Variables))) {
				visit(join(key, name), show(key, reflect.ValueOf(strings.Join(v.Interface().(Variables)[name], ", "))))
			}
		case f.Type == reflect.TypeFor[map[string]string](): // targets
			for _, name := range slices.Sorted(maps.Keys(v.Interface().(map[string]string))) {
				visit(join(key, name), show(key, reflect.ValueOf(v.Interface().(map[string]string)[name])))
			}
		case f.Type.Kind() == reflect.Map: // headers
			for _, name := range slices.Sorted(maps.Keys(v.Interface().(map[string]secret.String))) {
				visit(join(key, name), show(key, reflect.ValueOf(v.Interface().(map[string]secret.String)[name])))
			}
		case isLeaf(f.Type.Elem()):
			texts := []string{}
			for i := range v.Len() {
				texts = append(texts, fmt.Sprint(show(key, v.Index(i))))
			}
			visit(key, texts)
		default:
			for i := range v.Len() {
				cfg.list(v.Index(i), at(key, i), show, visit)
			}
		}
	}
}

// visible returns a value as it may be shown.
func visible(key string, v reflect.Value) any {
	switch value := v.Interface().(type) {
	case secret.String:
		if value.Reveal() == "" {
			return ""
		}
		return secret.Hidden
	case [32]byte:
		return HashPrefix + "***"
	case string:
		if strings.HasSuffix(key, "url") {
			return outbound.PublicURL(value)
		}
		return value
	case time.Duration, ByteSize, History:
		return fmt.Sprint(value)
	default:
		return value
	}
}

// revealed returns a secret as it is; of what is none, nothing.
func revealed(_ string, v reflect.Value) any {
	switch value := v.Interface().(type) {
	case secret.String:
		return value.Reveal()
	case [32]byte:
		return string(value[:])
	default:
		return ""
	}
}
