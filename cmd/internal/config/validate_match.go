package config

import (
	"cmp"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// check checks which stanzas match, and that there can be any.
func (m *Match) check(ofEndpoint scope, e *Endpoint) {
	s, component := ofEndpoint.in("match"), e.Component
	if ofEndpoint.isReported("component") {
		component = ""
	}
	m.ToGlobs = s.patterns("to", m.To, func(name, text, canonical string) {
		if !s.isOfComponent(canonical, component) {
			s.add(name, "%s matches no address of a component that the endpoint is for, so no stanza would match; write for example *@%s",
				quote(text), cmp.Or(component, s.c.Components[0].Domain))
		}
	})
	m.FromGlobs = s.patterns("from", m.From, func(string, string, string) {})
	m.checkTypes(s, e.Stanzas)
	m.checkPayloads(s)
	m.checkRooms(s)
	switch {
	case s.isSet("body") && !m.Body:
		s.add("body", "false has no meaning; write true for stanzas that have a body, or remove it")
	case m.Body && slices.ContainsFunc(e.Stanzas, func(kind string) bool { return kind == StanzaPresence || kind == StanzaIQ }):
		s.add("body", "only messages have a body, so no other kind of the endpoint's stanzas would match; write stanzas: [message]")
	}
}

// patterns reads a list of patterns and hands each to check.
func (s scope) patterns(name string, texts []string, check func(name, text, canonical string)) []jid.Glob {
	s.notEmpty(name, texts, "a pattern, as *@example.com")
	var globs []jid.Glob
	for i, text := range texts {
		element := s.elementOrList(name, i)
		canonical, glob, ok := s.pattern(element, text)
		if !ok {
			continue
		}
		check(element, text, canonical)
		globs = append(globs, glob)
	}
	return globs
}

// checkTypes checks that each type is one of the kinds that are listed, and that each
// kind has one.
func (m *Match) checkTypes(s scope, kinds []string) {
	types := m.Type
	s.notEmpty("type", types, "a type, as chat")
	var known []string
	for _, kind := range kinds {
		if typesOf(kind) == nil {
			return // reported already
		}
		known = append(known, typesOf(kind)...)
	}
	wrong := false
	for i, t := range types {
		element := s.elementOrList("type", i)
		switch {
		case !slices.Contains(known, t):
			wrong = true
			s.add(element, "%s is no type that the endpoint's stanzas (%s) come with; write %s",
				quote(t), strings.Join(kinds, ", "), Alternatives(slices.Compact(slices.Sorted(slices.Values(known)))))
		case slices.Contains(types[:i], t):
			s.add(element, "%s is in the list twice; keep one", quote(t))
		}
	}
	for _, kind := range kinds {
		matched := slices.ContainsFunc(typesOf(kind), func(t string) bool { return slices.Contains(types, t) })
		if len(types) > 0 && !matched && !wrong {
			s.add("type", "has no type of %s, which is in stanzas, so none would match; add one (%s), or remove %s there",
				kind, strings.Join(typesOf(kind), ", "), kind)
		}
	}
}

// typesOf are the types of a kind of stanza that can come to an endpoint
// (RFC 6121, sections 4.7.1 and 5.2.2; RFC 6120, section 8.2.3). The answers of
// IQs cannot: they go to the sender of the IQ. It is nil for another kind.
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

func (m *Match) checkPayloads(s scope) {
	s.notEmpty("payload", m.Payload, `a namespace, as "urn:xmpp:receipts"`)
	for i, text := range m.Payload {
		words := strings.Fields(text)
		if len(words) < 1 || len(words) > 2 || strings.ContainsAny(text, "<>\"'") || HasControl(text) ||
			len(words) == 2 && strings.ContainsAny(words[1], ":/{}") {
			s.add(s.elementOrList("payload", i), "%s is not a namespace, or a namespace, a space and the name of an element; write for example \"urn:xmpp:receipts request\"", quote(text))
			continue
		}
		name := PayloadName{Space: words[0]}
		if len(words) == 2 {
			name.Local = words[1]
		}
		m.Payloads = append(m.Payloads, name)
	}
}

// notEmpty checks that a list that is there has something in it: a list of
// nothing would match nothing, or everything.
func (s scope) notEmpty(name string, values []string, example string) {
	if s.isSet(name) && len(values) == 0 {
		s.add(name, "is an empty list; write %s, or remove the key", example)
	}
}

// elementOrList is the name of an element of a list, or of the list where the file has
// one value in place of it.
func (s scope) elementOrList(list string, i int) string {
	if _, ok := s.lines[s.key(at(list, i))]; ok {
		return at(list, i)
	}
	return list
}
