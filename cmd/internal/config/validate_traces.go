package config

import (
	"errors"

	"stanzahook/pkg/outbound"
)

// tracesPath is the path of a collector (OTLP/HTTP).
const tracesPath = "/v1/traces"

func (t *Traces) check(s scope) {
	if t.Endpoint == "" {
		for _, name := range []string{"headers", "tls", "sample", "service_name"} {
			if s.isSet(name) {
				s.add(name, "has no effect without endpoint; write that too, for example %s, or remove it", exampleCollector)
			}
		}
		if s.isSet("endpoint") {
			s.add("endpoint", "is empty; write the address of a collector, for example %s, or remove the key for no traces", exampleCollector)
		}
		return
	}
	switch a, err := outbound.ParseAddress(t.Endpoint); {
	case errors.Is(err, outbound.ErrNotAddress):
		s.add("endpoint", "%v; write for example %s", err, exampleCollector)
	case err != nil:
		s.add("endpoint", "%v", err)
	default:
		t.Address = a
		s.reachable("endpoint", a)
		if s.c.HTTP.isOurAddress(a) {
			s.add("endpoint", "is the address of http.listen; write that of a collector, for example %s", exampleCollector)
		}
	}
	t.TLS.check(s.in("tls"), t.Address)
	s.in("headers").headers(t.Headers, "Content-Type")
	if t.ServiceName == "" || HasControl(t.ServiceName) {
		s.add("service_name", "%s is not a name; write for example stanzahook", quote(t.ServiceName))
	}
}

const exampleCollector = "http://127.0.0.1:4318"

// URL returns where requests go: without a path of its own the endpoint gets the usual one.
func (t *Traces) URL() string {
	u, err := t.Address.URL(nil)
	if err != nil { // it has no placeholders
		return t.Endpoint
	}
	if u.Path == "" || u.Path == "/" {
		u.Path, u.RawPath = tracesPath, ""
	}
	return u.String()
}
