package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The configuration reference has a heading for each key, and no other, and each
// default that it names is the program's.
func TestConfigurationGuide(t *testing.T) {
	guide, err := os.ReadFile("../../../deploy/guide/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]string)
	for _, part := range regexp.MustCompile("(?m)^###? `").Split(string(guide), -1)[1:] {
		key, text, _ := strings.Cut(part, "`\n")
		if _, twice := described[key]; twice {
			t.Errorf("%s has two headings", key)
		}
		described[key] = strings.Join(strings.Fields(text), " ")
	}
	keys := make(map[string]reflect.Value)
	for _, section := range []struct {
		path     string
		defaults any
	}{{"", Default()}, {"components[]", defaultComponent()}, {"endpoints[]", defaultEndpoint()}, {"rosters[]", defaultRoster()}, {"rooms[]", defaultRoom()}, {"bots[]", defaultBot()}, {"commands[]", defaultCommand()}, {"hooks[]", defaultHook()}} {
		walk(reflect.ValueOf(section.defaults), section.path, func(path, name string, value reflect.Value) {
			if path == "" || value.Kind() != reflect.Struct || isLeaf(value.Type()) { // of sections, only the outermost have a heading
				keys[join(path, name)] = value
			}
		})
	}
	shown := regexp.MustCompile("Default: `([^`]*)`")
	for key, value := range keys {
		text, found := described[key]
		if !found {
			t.Errorf("the guide has no heading for %s", key)
			continue
		}
		said := shown.FindStringSubmatch(text)
		switch {
		case said == nil && !value.IsZero() && value.Kind() != reflect.Struct:
			t.Errorf("the guide names no default for %s, which is %v", key, value)
		case said != nil && !isDefault(said[1], value):
			t.Errorf("the guide says that %s is %s by default; it is %v", key, said[1], value)
		}
	}
	for key := range described {
		if _, known := keys[key]; !known {
			t.Errorf("the guide has a heading for %s, which is no key", key)
		}
	}
}

// isDefault reports whether a text is a value as a configuration may write it. A value
// that is not set follows from other keys, and is described in words.
func isDefault(text string, value reflect.Value) bool {
	switch v := value.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		return err == nil && d == v
	case []time.Duration:
		var steps []time.Duration
		for step := range strings.SplitSeq(strings.Trim(text, "[]"), ", ") {
			d, err := time.ParseDuration(step)
			if err != nil {
				return false
			}
			steps = append(steps, d)
		}
		return slices.Equal(steps, v)
	case []string:
		return text == "["+strings.Join(v, ", ")+"]"
	case string:
		return v == "" || text == v
	}
	return text == fmt.Sprint(value.Interface())
}
