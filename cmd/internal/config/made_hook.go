package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-viper/mapstructure/v2"

	"stanzahook/pkg/secret"
)

// MakeHook reads a hook that is made by the API: a JSON object with the keys of a hook of
// the file, which are checked as those are. Files are not named by it. Its error is of
// type [*Mistakes]. What the hook may be depends on the rest of the configuration: after a
// reload it is read again.
func (cfg *Config) MakeHook(name string, text []byte) (*Hook, error) {
	section, s, err := cfg.madeSection(text, reflect.TypeFor[Hook](), "name", name, "hook")
	if err != nil {
		return nil, err
	}
	for _, key := range [...]string{"verify.secret_file", "verify.secret_files"} {
		if s.isSet(key) {
			s.add(key, "is a file of this machine, which only the configuration file can name; write secret or secrets")
		}
	}
	if verify, ok := section["verify"].(map[string]any); ok {
		delete(verify, "secret_file")
		delete(verify, "secret_files")
	}
	var one Config
	if err := decodeMade(&one, "hooks", section); err != nil { // each value has its type already
		return nil, fmt.Errorf("hook %s: %w", name, err)
	}
	h := &one.Hooks[0]
	others := slices.DeleteFunc(slices.Clone(cfg.Hooks), func(other Hook) bool { return other.Name == name })
	h.check(s, others)
	for _, text := range append([]secret.String{h.Verify.Secret}, h.Verify.Secrets...) {
		if text.Reveal() == secret.Hidden {
			s.add("verify", "has the mask of a secret; write the secret itself")
		}
	}
	if len(s.problems) > 0 {
		return nil, &Mistakes{Problems: s.problems}
	}
	h.Given = givenHook(text)
	return h, nil
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

// givenHook are the keys of a hook as they were given, with secrets masked.
func givenHook(text []byte) map[string]any {
	keys := make(map[string]any)
	if err := json.Unmarshal(text, &keys); err != nil {
		return keys // it was read a moment ago
	}
	delete(keys, "name")
	if verify, ok := keys["verify"].(map[string]any); ok {
		if _, ok := verify["secret"]; ok {
			verify["secret"] = secret.Hidden
		}
		if all, ok := verify["secrets"].([]any); ok {
			verify["secrets"] = slices.Repeat([]any{secret.Hidden}, len(all))
		}
	}
	return keys
}

// WithHooks returns the configuration with the hooks of its file, and behind them others,
// which were made by the API. Of two with one name, that of the file counts.
func (cfg *Config) WithHooks(made []*Hook) *Config {
	next := *cfg
	next.Hooks = slices.DeleteFunc(slices.Clone(cfg.Hooks), func(h Hook) bool { return h.ByAPI() })
	file := len(next.Hooks)
	for _, h := range made {
		if !slices.ContainsFunc(next.Hooks[:file], func(f Hook) bool { return f.Name == h.Name }) {
			next.Hooks = append(next.Hooks, *h)
		}
	}
	return &next
}
