package config

import (
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

func (v checker) component(i int) {
	component := &v.c.Components[i]
	key := fmt.Sprintf("components[%d]", i)

	v.domain(i)
	if v.address(key+".server", component.Server, "127.0.0.1:5347") {
		host, port, _ := net.SplitHostPort(component.Server)
		if host == "" || port == "0" {
			v.add(key+".server", "%s is no address to connect to; write for example 127.0.0.1:5347", quote(component.Server))
		}
	}
	if s, path, ok := v.secretOrFile(key, "secret", component.Secret, component.SecretFile); ok {
		component.Secret, component.SecretFile = s, path
		if HasControl(s.Reveal()) {
			v.add(v.either(key, "secret"), "the secret has a line break or another control character in it; write it in one line")
		}
	}
	v.tls(key+".tls", &component.TLS)
	v.identity(key+".identity.name", component.Identity.Name)
	v.identity(key+".identity.category", component.Identity.Category)
	v.identity(key+".identity.type", component.Identity.Type)
	v.oneOf(key+".presence", component.Presence, PresenceAuto, PresenceForward)
	if component.Keepalive < time.Second {
		v.add(key+".keepalive", "%v is too often; write 1s or more", component.Keepalive)
	}
	if size := component.MaxStanzaBytes; size < minStanzaBytes || size > maxStanzaBytes {
		v.add(key+".max_stanza_bytes", "%v is not between %d (the least that RFC 6120 allows) and %v", size, minStanzaBytes, maxStanzaBytes)
	}
}

// domain checks a component's domain and brings it to its canonical form.
func (v checker) domain(i int) {
	component := &v.c.Components[i]
	key := fmt.Sprintf("components[%d].domain", i)
	if component.Domain == "" {
		v.add(key, "is missing; write the component's name in the server's configuration, for example bot.example.com")
		return
	}
	j, err := jid.Parse(component.Domain)
	if err != nil || !j.IsDomain() {
		v.add(key, "%s is not a domain; write for example bot.example.com", quote(component.Domain))
		return
	}
	component.Domain = j.Domain()
	for before := range i {
		if v.c.Components[before].Domain == component.Domain {
			v.add(key, "%s is the domain of components[%d] already; a server takes one connection for each", quote(component.Domain), before)
		}
	}
}

// identity checks a part of the identity: XEP-0030 wants none of them empty.
func (v checker) identity(key, value string) {
	if strings.TrimSpace(value) == "" || HasControl(value) {
		v.add(key, "%s is empty or has a control character in it; write one line of text, or remove the key", quote(value))
	}
}

func (v checker) tls(key string, tls *TLS) {
	v.oneOf(key+".mode", tls.Mode, TLSNone, TLSDirect)
	if tls.Mode == TLSNone {
		for _, name := range []string{"ca_file", "server_name"} {
			if v.isSet(key + "." + name) {
				v.add(key+"."+name, "has no effect with mode: none; write mode: direct or remove it")
			}
		}
		return
	}
	if v.isSet(key+".ca_file") && !v.isReported(key+".ca_file") {
		pool, path, err := v.files.certificates(tls.CAFile)
		if err != nil {
			v.add(key+".ca_file", "%v", err)
			return
		}
		tls.CAs, tls.CAFile = pool, path
	}
}

// secretOrFile checks that exactly one of key.name and key.name_file is set,
// and returns the secret and the path it came from, if any.
func (v checker) secretOrFile(key, name string, inline secret.String, file string) (secret.String, string, bool) {
	value, path := key+"."+name, key+"."+name+"_file"
	switch {
	case v.isReported(value) || v.isReported(path):
		return secret.String{}, "", false
	case v.isSet(value) && v.isSet(path):
		v.add(path, "is here together with %s; keep one of them", name)
		return secret.String{}, "", false
	case v.isSet(path):
		s, found, err := v.files.secret(file)
		if err != nil {
			v.add(path, "%v", err)
			return secret.String{}, "", false
		}
		return s, found, true
	case v.isSet(value) && inline.IsZero():
		v.add(value, "is empty; write the secret, or %s_file in place of it", name)
		return secret.String{}, "", false
	case !v.isSet(value):
		v.add(value, "is missing; write %s or %s_file", name, name)
		return secret.String{}, "", false
	}
	return inline, "", true
}

// either is the key of the two that is set.
func (v checker) either(key, name string) string {
	if v.isSet(key + "." + name + "_file") {
		return key + "." + name + "_file"
	}
	return key + "." + name
}

func HasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }
