package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

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
