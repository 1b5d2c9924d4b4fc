package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// MakeEndpoint reads an endpoint that is made by the API: a JSON object with the keys of an
// endpoint of the file, which are checked as those are. The name may be left out. Its
// error is of type [*Mistakes]. What the endpoint may be depends on the rest of the
// configuration: after a reload it is read again.
func (cfg *Config) MakeEndpoint(name string, text []byte) (*Endpoint, error) {
	section, s, err := cfg.madeSection(text, reflect.TypeFor[Endpoint](), "name", name, "endpoint")
	if err != nil {
		return nil, err
	}
	var one Config
	if err := decodeMade(&one, "endpoints", section); err != nil { // each value has its type already
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	one.fillDependent()
	e := &one.Endpoints[0]
	e.check(s, nil)
	s.elsewhere(e.Address)
	e.checkMasks(s)
	valid := len(s.problems) == 0
	e.checkSocket(s)
	if len(s.problems) > 0 {
		return nil, &Mistakes{s.problems, valid || len(s.problems) == 1 && cfg.forbids(e.Address)}
	}
	e.Given = given(text)
	return e, nil
}

// checkMasks keeps what stands for secrets, wherever they are shown, from becoming secrets.
func (e *Endpoint) checkMasks(s scope) {
	const mask = "is the mask of a secret; write the secret itself"
	if strings.Contains(e.URL, "=***") {
		s.add("url", "has the mask of a secret in it; write the value itself")
	}
	for i, text := range e.SigningSecrets {
		if text.Reveal() == secret.Hidden {
			s.add(at("signing_secrets", i), mask)
		}
	}
	for name, value := range e.Headers {
		if value.Reveal() == secret.Hidden {
			s.report.add(s.in("headers").headerKey(name), mask)
		}
	}
}

// checkSocket refuses Unix sockets.
func (e *Endpoint) checkSocket(s scope) {
	if e.Address != nil && e.Address.Socket() != "" {
		s.add("url", "is a socket, which only the configuration file can name: a token of the API would reach every service of this machine")
	}
}

// forbids reports whether the outbound guard forbids an address.
func (cfg *Config) forbids(a *outbound.Address) bool {
	return a != nil && a.Socket() == "" && outbound.NewGuard(cfg.Outbound.Networks).CheckHost(a.Base().Hostname()) != nil
}

// given are the keys of an endpoint as they were given, with secrets masked.
func given(text []byte) map[string]any {
	keys := make(map[string]any)
	if err := json.Unmarshal(text, &keys); err != nil {
		return keys // it was read a moment ago
	}
	delete(keys, "name")
	if url, ok := keys["url"].(string); ok {
		keys["url"] = outbound.PublicURL(url)
	}
	if secrets, ok := keys["signing_secrets"].([]any); ok {
		keys["signing_secrets"] = slices.Repeat([]any{secret.Hidden}, len(secrets))
	}
	if headers, ok := keys["headers"].(map[string]any); ok {
		for name := range headers {
			headers[name] = secret.Hidden
		}
	}
	return keys
}
