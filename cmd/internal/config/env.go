package config

import (
	"reflect"
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
	known := make(map[string]leaf)
	var names []string
	for _, l := range leaves(reflect.ValueOf(Config{}), "") {
		name := variableOf(l.key)
		known[name] = l
		names = append(names, name)
	}
	lists := listVariables(reflect.TypeFor[Config](), "")

	values := make(map[string]any)
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || text == "" {
			continue
		}
		l, ok := known[name]
		if !ok {
			reportVariable(r, name, names, lists)
			continue
		}
		value, err := parseValue(l.value.Type(), text)
		if err != nil {
			r.addVariable(name, l.key, "%s %v", subject(l.value.Type(), text), err)
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

// listVariables are the variables that would set lists, if that were possible,
// with their keys.
func listVariables(section reflect.Type, path string) map[string]string {
	lists := make(map[string]string)
	for _, f := range fieldsOf(section) {
		key := join(path, nameOf(f))
		switch {
		case isLeaf(f.Type):
		case f.Type.Kind() == reflect.Slice:
			lists[variableOf(key)] = key
		case f.Type.Kind() == reflect.Struct:
			for name, inner := range listVariables(f.Type, key) {
				lists[name] = inner
			}
		}
	}
	return lists
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
