package api

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/presence"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Match implements v1.Endpoints. It asks the index that incoming stanzas are routed by.
func (s *Endpoints) Match(name string, x *stanza.Stanza) (v1.Matched, error) {
	m := v1.Matched{Copies: []string{}}
	w, err := s.worker(name)
	if err != nil {
		return m, err
	}
	domain := x.To.Domain()
	i := slices.IndexFunc(s.Config.Components, func(c config.Component) bool { return c.Domain == domain })
	switch {
	case i < 0:
		m.Why = fmt.Sprintf("to: %s is not the domain of a component, so the server does not send the stanza here", domain)
		return m, nil
	case x.Kind == stanza.IQ && !x.NeedsAnswer():
		m.Why = "type: the answer of an IQ goes to who asked, and to no endpoint"
		return m, nil
	case s.Config.Components[i].Presence == config.PresenceAuto && presence.Answers(x):
		m.Why = fmt.Sprintf("type: presence of type %s is answered by stanzahook itself, with components[%d].presence: auto", x.Type, i)
		return m, nil
	}
	to, copies := s.Forward.Route(domain, x)
	for _, c := range copies {
		m.Copies = append(m.Copies, c.Name)
	}
	if to != nil {
		m.TakenBy = &to.Name
	}
	key := w.Endpoint().Mismatch(domain, x)
	m.Match = key == ""
	switch {
	case key != "":
		m.Why = mismatch(w.Endpoint(), key, domain, x)
	case slices.Contains(m.Copies, name):
		m.Why = "it gets a copy"
	case to != nil && to.Name == name && !to.Wants(message.Read(x).Event):
		m.Why = "events: " + unlisted(to, message.Read(x).Event)
	case to != nil && to.Name == name:
		m.Why = "it is the first that matches"
	case to != nil:
		m.Why = fmt.Sprintf("it matches, but %s stands before it, and gets the stanza", to.Name)
	default:
		m.Why = "it matches, but gets copies, and an IQ is not copied"
	}
	return m, nil
}

// unlisted says why an endpoint gets no event of a message that is for it.
func unlisted(e *webhook.Endpoint, event message.Event) string {
	if event == message.Encrypted && e.Encrypted != webhook.EncryptedForward {
		return fmt.Sprintf("the message is encrypted, and encrypted is %s: there is no event", e.WithDefaults().Encrypted)
	}
	if event == message.Announced {
		return "the message announces a file: the event is that of the message which brings its address"
	}
	return fmt.Sprintf("the stanza is for it, but it does not list %s, so there is no event", event)
}

// mismatch says why an endpoint does not match a stanza, by the key that does not.
func mismatch(e *webhook.Endpoint, key, domain string, x *stanza.Stanza) string {
	switch key {
	case "url":
		return "url: an endpoint without url gets no IQs, which need an answer at once"
	case "component":
		return fmt.Sprintf("component: it is for %s, and the stanza comes to %s", e.Component, domain)
	case "stanzas":
		var kinds []string
		for _, k := range e.Kinds {
			kinds = append(kinds, k.String())
		}
		return fmt.Sprintf("stanzas: it gets %s, and this is %s", strings.Join(kinds, ", "), x.Kind)
	case "match.type":
		return fmt.Sprintf("match.type: the type %s is not among %s", x.EffectiveType(), strings.Join(e.Match.Types, ", "))
	case "match.body":
		return "match.body: the stanza has no body"
	case "match.payload":
		return "match.payload: no child of the stanza has one of these names"
	case "match.to":
		return fmt.Sprintf("match.to: no pattern fits %s", x.To.Bare())
	}
	return fmt.Sprintf("%s: no pattern fits %s", key, x.From.Bare())
}
