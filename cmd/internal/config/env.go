package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// envPrefix begins the environment variables that set keys.
const envPrefix = "STANZAHOOK_"

// readEnvironment returns the values that the environment sets, by key path:
// STANZAHOOK_HTTP_LISTEN is http.listen. Keys in lists have no variable. An
// empty variable sets nothing, as with viper's own.
//
// A variable that is nearly one of ours is reported. Others with our prefix
// are not: the client commands have their own (STANZAHOOK_TOKEN), and
// Kubernetes adds some for a service of our name (STANZAHOOK_SERVICE_HOST).
func readEnvironment(r *report, env []string) map[string]any {
	type variable struct {
		key  string
		kind reflect.Type
	}
	known, lists := make(map[string]variable), make(map[string]string)
	walk(reflect.ValueOf(Config{}), "", func(path, name string, value reflect.Value) {
		switch key := join(path, name); {
		case !isVariable(path):
		case isLeaf(value.Type()):
			known[variableOf(key)] = variable{key, value.Type()}
		case value.Kind() == reflect.Slice:
			lists[variableOf(key)] = key
		}
	})

	values := make(map[string]any)
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || text == "" {
			continue
		}
		l, ok := known[name]
		if !ok {
			reportVariable(r, name, slices.Sorted(maps.Keys(known)), lists)
			continue
		}
		value, err := parseValue(l.kind, text)
		if err != nil {
			r.addVariable(name, l.key, "%s %v", subject(l.kind, text), err)
			continue
		}
		r.variables[l.key] = name
		values[l.key] = value
	}
	return values
}

func reportVariable(r *report, name string, names []string, lists map[string]string) {
	for list, key := range lists {
		if name == list || strings.HasPrefix(name, list+"_") {
			r.addVariable(name, "", "%s is a list and is set in the file only; a secret there can come from a *_file", key)
			return
		}
	}
	if meant := closest(name, names); meant != "" {
		r.addVariable(name, "", "unknown variable; did you mean %s?", meant)
	}
}

// variableOf is the environment variable that sets a key.
func variableOf(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// lookupEnv finds a variable in an environment as os.Environ gives it.
func lookupEnv(env []string, name string) string {
	for _, entry := range env {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}
