package config

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// match checks which stanzas an endpoint takes, and that there can be any.
func (v checker) match(endpointKey string, endpoint *Endpoint) {
	match, key := &endpoint.Match, endpointKey+".match"
	component := endpoint.Component
	if v.isReported(endpointKey + ".component") {
		component = ""
	}
	match.ToGlobs = v.patterns(key+".to", match.To, func(element, text, canonical string) {
		if !v.isOfComponent(canonical, component) {
			v.add(element, "%s matches no address of a component that the endpoint is for, so no stanza would be taken; write for example *@%s",
				quote(text), v.exampleDomain(component))
		}
	})
	match.FromGlobs = v.patterns(key+".from", match.From, func(string, string, string) {})
	v.matchTypes(key+".type", endpoint)
	v.matchPayloads(key+".payload", match)
	switch {
	case v.isSet(key+".body") && !match.Body:
		v.add(key+".body", "false has no meaning; write true for stanzas that have a body, or remove it")
	case match.Body && slices.ContainsFunc(endpoint.Stanzas, func(kind string) bool { return kind == StanzaPresence || kind == StanzaIQ }):
		v.add(key+".body", "only messages have a body, so no other kind of the endpoint's stanzas would be taken; write stanzas: [message]")
	}
}

// exampleDomain is the domain of a component, or the first if it is empty.
func (v checker) exampleDomain(component string) string {
	if component == "" {
		return v.c.Components[0].Domain
	}
	return component
}

// patterns reads a list of patterns and hands each to check.
func (v checker) patterns(key string, texts []string, check func(element, text, canonical string)) []jid.Glob {
	v.notEmpty(key, texts, "a pattern, as *@example.com")
	var globs []jid.Glob
	for i, text := range texts {
		element := v.elementKey(key, i)
		canonical, glob, ok := v.pattern(element, text)
		if !ok {
			continue
		}
		check(element, text, canonical)
		globs = append(globs, glob)
	}
	return globs
}

// matchTypes checks that each type is one of the kinds that are listed, and
// that each kind has one.
func (v checker) matchTypes(key string, endpoint *Endpoint) {
	types := endpoint.Match.Type
	v.notEmpty(key, types, "a type, as chat")
	var known []string
	for _, kind := range endpoint.Stanzas {
		if typesOf(kind) == nil {
			return // reported already
		}
		known = append(known, typesOf(kind)...)
	}
	wrong := false
	for i, t := range types {
		element := v.elementKey(key, i)
		switch {
		case !slices.Contains(known, t):
			wrong = true
			v.add(element, "%s is no type that the endpoint's stanzas (%s) come with; write %s",
				quote(t), strings.Join(endpoint.Stanzas, ", "), Alternatives(slices.Compact(slices.Sorted(slices.Values(known)))))
		case slices.Contains(types[:i], t):
			v.add(element, "%s is in the list twice; keep one", quote(t))
		}
	}
	for _, kind := range endpoint.Stanzas {
		taken := slices.ContainsFunc(typesOf(kind), func(t string) bool { return slices.Contains(types, t) })
		if len(types) > 0 && !taken && !wrong {
			v.add(key, "has no type of %s, which is in stanzas, so none would be taken; add one (%s), or remove %s there",
				kind, strings.Join(typesOf(kind), ", "), kind)
		}
	}
}

// typesOf are the types of a kind of stanza that can come to an endpoint
// (RFC 6121, sections 4.7.1 and 5.2.2; RFC 6120, section 8.2.3). The answers of
// IQs cannot: they belong to who asked. It is nil for what is no kind.
func typesOf(kind string) []string {
	switch kind {
	case StanzaMessage:
		return []string{"normal", "chat", "groupchat", "headline", "error"}
	case StanzaPresence:
		return []string{"available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"}
	case StanzaIQ:
		return []string{"get", "set"}
	}
	return nil
}

func (v checker) matchPayloads(key string, match *Match) {
	v.notEmpty(key, match.Payload, `a namespace, as "urn:xmpp:receipts"`)
	for i, text := range match.Payload {
		words := strings.Fields(text)
		if len(words) < 1 || len(words) > 2 || strings.ContainsAny(text, "<>\"'") || HasControl(text) ||
			len(words) == 2 && strings.ContainsAny(words[1], ":/{}") {
			v.add(v.elementKey(key, i), "%s is not a namespace, or a namespace, a space and the name of an element; write for example \"urn:xmpp:receipts request\"", quote(text))
			continue
		}
		name := PayloadName{Space: words[0]}
		if len(words) == 2 {
			name.Local = words[1]
		}
		match.Payloads = append(match.Payloads, name)
	}
}

// notEmpty checks that a list that is there has something in it: a list of
// nothing would match nothing, or everything.
func (v checker) notEmpty(key string, values []string, example string) {
	if v.isSet(key) && len(values) == 0 {
		v.add(key, "is an empty list; write %s, or remove the key", example)
	}
}

// elementKey is the path of an element of a list, or of the list where the
// file has one value in place of it.
func (v checker) elementKey(list string, i int) string {
	element := fmt.Sprintf("%s[%d]", list, i)
	if _, ok := v.lines[element]; ok {
		return element
	}
	return list
}
