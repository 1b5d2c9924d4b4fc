package config

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/webhook"
)

func (e *Endpoint) check(s scope, before []Endpoint) {
	e.checkName(s, before)
	if a, err := parseEndpointURL(e.URL); e.URL == "" && !s.isSet("url") {
		e.checkPulled(s)
	} else if err != nil {
		s.add("url", "%v", err)
	} else {
		e.Address = a
		s.reachable("url", a)
	}
	if e.URL != "" {
		e.TLS.check(s.in("tls"), e.Address)
	}
	if e.Component != "" {
		if domains := s.component(&e.Component); len(domains) > 0 && !slices.Contains(domains, e.Component) {
			s.add("component", "%s is not the domain of a component; write %s, or remove the key for all", quote(e.Component), Alternatives(domains))
		}
	}
	s.oneOf("format", e.Format, FormatEvent, FormatRESTJSON, FormatRESTXML, FormatComponentHTTP)
	s.someOf("stanzas", e.Stanzas, StanzaMessage, StanzaPresence, StanzaIQ)
	e.Match.check(s, e)
	s.oneOf("delivery", e.Delivery, DeliveryQueued, DeliveryDirect)
	e.checkEvents(s)
	e.checkRooms(s)
	e.checkBatch(s)
	e.checkStream(s)
	e.Typing.check(s.in("typing"), e)
	e.Acknowledge.check(s, e)
	s.requests(e.Timeout, e.Concurrency, "15s")
	e.checkSigning(s)
	s.in("headers").headers(e.Headers, "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")
	s.oneOf("on_exhausted", e.OnExhausted, ExhaustedBounce, ExhaustedDrop)
	e.Retry.check(s.in("retry"))
	e.checkCopy(s)
	e.checkDirect(s)
}

func (e *Endpoint) checkName(s scope, before []Endpoint) {
	switch {
	case e.Name == "":
		s.add("name", "is missing; write a short one, as echo or orders-bot")
		return
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(e.Name):
		s.add("name", "%s is not a name; write up to 63 of a-z 0-9 _ and -, beginning with a letter or digit", quote(e.Name))
	}
	unique(s, "name", before, func(other *Endpoint) bool { return other.Name == e.Name }, e.Name,
		"is the name of endpoints[%d] already; queues and statistics go by name")
}

// parseEndpointURL checks the address of a webhook. Its errors do not show
// it: it may have a password in it.
func parseEndpointURL(text string) (*outbound.Address, error) {
	if text == "" {
		return nil, errors.New("is empty; write for example http://127.0.0.1:8080/hook, or remove the key if a bot pulls the events from /v1")
	}
	a, err := outbound.ParseAddress(text, webhook.Placeholders()...)
	if errors.Is(err, outbound.ErrNotAddress) {
		return nil, fmt.Errorf("%w; write for example http://127.0.0.1:8080/hook", err)
	}
	return a, err
}

// checkPulled reports keys that have no effect without a URL: stanzahook sends nothing to
// such an endpoint, a bot pulls its events. You may have forgotten the URL.
func (e *Endpoint) checkPulled(s scope) {
	const without = "an endpoint without url, whose events a bot pulls from /v1"
	if e.Format != FormatEvent {
		s.add("format", "%s is not for %s: there they are in format event; add url, or remove format", quote(e.Format), without)
	}
	if e.Delivery == DeliveryDirect && s.isSet("delivery") {
		s.add("delivery", "direct is not for %s: they are always queued; add url, or remove delivery", without)
	}
	if i := slices.Index(e.Stanzas, StanzaIQ); i >= 0 {
		s.add(at("stanzas", i), "iq is not for %s: an IQ has one answer, at once; add url, or remove iq", without)
	}
	for _, name := range [...]string{"typing", "acknowledge", "batch", "timeout", "concurrency", "signing_secrets", "headers", "tls", "retry.schedule"} {
		if s.isSet(name) {
			s.add(name, "has no effect for %s; add url, or remove it", without)
		}
	}
}

// checkStream checks how an answer that is written bit by bit is shown.
func (e *Endpoint) checkStream(s scope) {
	s.oneOf("stream", e.Stream, webhook.StreamFinal, webhook.StreamEdits)
	if e.Stream != webhook.StreamEdits {
		return
	}
	switch {
	case e.URL == "":
		s.add("stream", "edits is for an endpoint with a url, whose answers are shown; remove it")
	case e.Format != FormatEvent:
		s.add("stream", "edits goes with format: event alone; remove it")
	case e.Copy:
		s.add("stream", "edits does not go with copy: true, as copies never answer; remove one of them")
	case e.Batch > 1:
		s.add("stream", "edits does not go with batch, whose answer is an array; remove one of them")
	}
}

// checkBatch checks how many events go in a request. Without a URL there are none, which
// checkPulled says.
func (e *Endpoint) checkBatch(s scope) {
	switch {
	case e.Batch < 1 || e.Batch > webhook.MaxBatch:
		s.add("batch", "%d is not between 1 and %d", e.Batch, webhook.MaxBatch)
	case e.Batch == 1 || e.URL == "":
	case e.Format != FormatEvent:
		s.add("batch", "is for format: event only; a request in format %s has one stanza; remove batch, or write format: event", e.Format)
	case e.Delivery == DeliveryDirect && !e.Copy:
		s.add("batch", "has no effect with delivery: direct, where no events wait; write delivery: queued, or remove it")
	}
}

// checkSigning checks the secrets that sign, without showing them.
func (e *Endpoint) checkSigning(s scope) {
	if s.isSet("signing_secrets") && len(e.SigningSecrets) == 0 {
		s.add("signing_secrets", "is an empty list; write a secret, or remove the key to send without a signature")
	}
	for i, text := range e.SigningSecrets {
		parsed, err := signature.ParseSecret(text.Reveal())
		if err != nil {
			s.add(at("signing_secrets", i), "%v", err)
			continue
		}
		if slices.ContainsFunc(e.SigningKeys, parsed.Equal) {
			s.add(at("signing_secrets", i), "is in the list twice; keep one")
			continue
		}
		e.SigningKeys = append(e.SigningKeys, parsed)
	}
}

// headers checks the names and values, and brings the names to the form that
// http.Header has: viper hands them on in lower case. Nobody may set those of net/http,
// nor some that are ours here.
func (s scope) headers(headers map[string]secret.String, ours ...string) {
	given := maps.Clone(headers)
	clear(headers)
	for _, lower := range slices.Sorted(maps.Keys(given)) {
		name, value := http.CanonicalHeaderKey(lower), given[lower]
		key := s.headerKey(name)
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection":
			ours = append(ours, name)
		}
		if slices.Contains(ours, name) {
			s.report.add(key, "is set by stanzahook itself; remove it")
		}
		if !httpguts.ValidHeaderFieldName(name) {
			s.report.add(key, "is not the name of a header; write letters, digits and - only")
		}
		if !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			s.report.add(key, "the value has a line break or another control character in it; write it in one line")
		}
		headers[name] = value
	}
}

// headerKey is the path of a header as the file writes it.
func (s scope) headerKey(name string) string {
	usual := s.key(printable(name))
	for key := range s.lines {
		if strings.EqualFold(key, usual) && strings.HasPrefix(key, s.path+".") {
			return key
		}
	}
	return usual
}

func (r *Retry) check(s scope) {
	if len(r.Schedule) == 0 {
		s.add("schedule", "is empty; write at least one step, for example [1s, 5s, 1m]")
	}
	for i, step := range r.Schedule {
		if step <= 0 {
			s.add(at("schedule", i), "%v is no time to wait; write more than 0s", step)
		}
	}
	switch {
	case r.MaxAge <= 0:
		s.add("max_age", "%v is no age; write for example 24h", r.MaxAge)
	case len(r.Schedule) > 0 && r.MaxAge < r.Schedule[0]:
		s.add("max_age", "%v is over before the first step of the schedule (%v), so nothing would be retried; for one attempt write delivery: direct",
			r.MaxAge, r.Schedule[0])
	}
}

// checkDirect reports keys that have no effect on an endpoint with one attempt, so that
// nobody expects retries.
func (e *Endpoint) checkDirect(s scope) {
	if e.Delivery != DeliveryDirect || e.Copy {
		return
	}
	why := "delivery: direct"
	if !s.isSet("delivery") {
		why = "delivery: direct, the default of this format"
	}
	if s.isSet("retry") {
		s.add("retry", "has no effect with %s; write delivery: queued, or remove it", why)
	}
	if e.OnExhausted == ExhaustedDrop {
		s.add("on_exhausted", "drop has no effect with %s, which always bounces; write delivery: queued, or remove it", why)
	}
}

// checkCopy reports keys that have no effect on an endpoint that gets copies: it sends no
// replies, and its failures bounce no stanza.
func (e *Endpoint) checkCopy(s scope) {
	if !e.Copy {
		return
	}
	if i := slices.Index(e.Stanzas, StanzaIQ); i >= 0 {
		s.add(at("stanzas", i), "iq cannot be used with copy: true (copies never answer); remove iq, or copy")
	}
	if e.Delivery == DeliveryDirect {
		s.add("delivery", "direct cannot be used with copy: true (copies are always queued); remove it, or copy")
	}
	switch {
	case e.OnExhausted != ExhaustedBounce:
	case s.isSet("on_exhausted"):
		s.add("on_exhausted", "bounce cannot be used with copy: true (copies never bounce); remove it, or copy")
	default:
		e.OnExhausted = ExhaustedDrop
	}
}
