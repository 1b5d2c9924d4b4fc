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

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/webhook"
)

func (v checker) endpoint(i int) {
	endpoint := &v.c.Endpoints[i]
	key := fmt.Sprintf("endpoints[%d]", i)

	v.endpointName(i)
	if a, err := parseEndpointURL(endpoint.URL); endpoint.URL == "" && !v.isSet(key+".url") {
		v.pulled(key, endpoint)
	} else if err != nil {
		v.add(key+".url", "%v", err)
	} else {
		endpoint.Address = a
		v.reachable(key+".url", a)
	}
	if endpoint.URL != "" {
		v.clientTLS(key+".tls", &endpoint.TLS, endpoint.Address)
	}
	v.endpointComponent(i)
	v.oneOf(key+".format", endpoint.Format, FormatEvent, FormatRESTJSON, FormatRESTXML, FormatComponentHTTP)
	v.someOf(key+".stanzas", endpoint.Stanzas, StanzaMessage, StanzaPresence, StanzaIQ)
	v.match(key, endpoint)
	v.oneOf(key+".delivery", endpoint.Delivery, DeliveryQueued, DeliveryDirect)
	if t := endpoint.Timeout; t <= 0 || t > maxTimeout {
		v.add(key+".timeout", "%v is out of range; write more than 0s and at most %v, for example 15s", t, maxTimeout)
	}
	if n := endpoint.Concurrency; n < 1 || n > maxConcurrency {
		v.add(key+".concurrency", "%d is not between 1 and %d", n, maxConcurrency)
	}
	v.signing(key+".signing_secrets", endpoint)
	v.headers(key+".headers", endpoint.Headers, "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")
	v.oneOf(key+".on_exhausted", endpoint.OnExhausted, ExhaustedBounce, ExhaustedDrop)
	v.retry(key+".retry", &endpoint.Retry)
	v.copies(key, endpoint)
	v.direct(key, endpoint)
}

func (v checker) endpointName(i int) {
	key, name := fmt.Sprintf("endpoints[%d].name", i), v.c.Endpoints[i].Name
	switch {
	case name == "":
		v.add(key, "is missing; write a short one, as echo or orders-bot")
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(name):
		v.add(key, "%s is not a name; write up to 63 of a-z 0-9 _ and -, beginning with a letter or digit", quote(name))
	}
	for before := range i {
		if name != "" && v.c.Endpoints[before].Name == name {
			v.add(key, "%s is the name of endpoints[%d] already; queues and statistics go by name", quote(name), before)
		}
	}
}

// endpointComponent checks that an endpoint's component is one of ours.
func (v checker) endpointComponent(i int) {
	endpoint := &v.c.Endpoints[i]
	if endpoint.Component == "" {
		return
	}
	if j, err := jid.Parse(endpoint.Component); err == nil && j.IsDomain() {
		endpoint.Component = j.Domain()
	}
	var domains []string
	for c := range v.c.Components {
		if v.isReported(fmt.Sprintf("components[%d].domain", c)) {
			return // it may be the one that is meant
		}
		domains = append(domains, v.c.Components[c].Domain)
	}
	if len(domains) > 0 && !slices.Contains(domains, endpoint.Component) {
		v.add(fmt.Sprintf("endpoints[%d].component", i), "%s is not the domain of a component; write %s, or remove the key for all",
			quote(endpoint.Component), Alternatives(domains))
	}
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

// pulled checks what makes no sense for an endpoint without a URL: nothing is
// sent to it, a bot pulls its events. Its owner may have forgotten the URL.
func (v checker) pulled(key string, endpoint *Endpoint) {
	const without = "an endpoint without url, whose events a bot pulls from /v1"
	if endpoint.Format != FormatEvent {
		v.add(key+".format", "%s is not for %s: there they are in format event; add url, or remove format", quote(endpoint.Format), without)
	}
	if endpoint.Delivery == DeliveryDirect && v.isSet(key+".delivery") {
		v.add(key+".delivery", "direct is not for %s: they are always queued; add url, or remove delivery", without)
	}
	if i := slices.Index(endpoint.Stanzas, StanzaIQ); i >= 0 {
		v.add(fmt.Sprintf("%s.stanzas[%d]", key, i), "iq is not for %s: an IQ has one answer, at once; add url, or remove iq", without)
	}
	for _, name := range [...]string{"timeout", "concurrency", "signing_secrets", "headers", "tls", "retry.schedule"} {
		if v.isSet(key + "." + name) {
			v.add(key+"."+name, "has no effect for %s; add url, or remove it", without)
		}
	}
}

// signing checks the secrets that sign, without showing them.
func (v checker) signing(key string, endpoint *Endpoint) {
	if v.isSet(key) && len(endpoint.SigningSecrets) == 0 {
		v.add(key, "is an empty list; write a secret, or remove the key to send without a signature")
	}
	for i, text := range endpoint.SigningSecrets {
		element := fmt.Sprintf("%s[%d]", key, i)
		parsed, err := signature.ParseSecret(text.Reveal())
		if err != nil {
			v.add(element, "%v", err)
			continue
		}
		if slices.ContainsFunc(endpoint.SigningKeys, parsed.Equal) {
			v.add(element, "is in the list twice; keep one")
			continue
		}
		endpoint.SigningKeys = append(endpoint.SigningKeys, parsed)
	}
}

// headers checks the names and values, and brings the names to the form that
// http.Header has: viper hands them on in lower case. Besides those that only
// net/http may set, there are some that are ours here.
func (v checker) headers(path string, headers map[string]secret.String, ours ...string) {
	given := maps.Clone(headers)
	clear(headers)
	for _, lower := range slices.Sorted(maps.Keys(given)) {
		name, value := http.CanonicalHeaderKey(lower), given[lower]
		key := v.headerKey(path, name)
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection":
			ours = append(ours, name)
		}
		if slices.Contains(ours, name) {
			v.add(key, "is set by stanzahook itself; remove it")
		}
		if !httpguts.ValidHeaderFieldName(name) {
			v.add(key, "is not the name of a header; write letters, digits and - only")
		}
		if !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			v.add(key, "the value has a line break or another control character in it; write it in one line")
		}
		headers[name] = value
	}
}

// headerKey is the path of a header as the file writes it.
func (v checker) headerKey(path, name string) string {
	usual := join(path, printable(name))
	for key := range v.lines {
		if strings.EqualFold(key, usual) && strings.HasPrefix(key, path+".") {
			return key
		}
	}
	return usual
}

func (v checker) retry(key string, retry *Retry) {
	if len(retry.Schedule) == 0 {
		v.add(key+".schedule", "is empty; write at least one step, for example [1s, 5s, 1m]")
	}
	for i, step := range retry.Schedule {
		if step <= 0 {
			v.add(fmt.Sprintf("%s.schedule[%d]", key, i), "%v is no time to wait; write more than 0s", step)
		}
	}
	switch {
	case retry.MaxAge <= 0:
		v.add(key+".max_age", "%v is no age; write for example 24h", retry.MaxAge)
	case len(retry.Schedule) > 0 && retry.MaxAge < retry.Schedule[0]:
		v.add(key+".max_age", "%v is over before the first step of the schedule (%v), so nothing would be retried; for one attempt write delivery: direct",
			retry.MaxAge, retry.Schedule[0])
	}
}

// direct checks what makes no sense for an endpoint with one attempt only.
// Silence would let its owner believe in retries.
func (v checker) direct(key string, endpoint *Endpoint) {
	if endpoint.Delivery != DeliveryDirect || endpoint.Copy {
		return
	}
	why := "delivery: direct"
	if !v.isSet(key + ".delivery") {
		why = "delivery: direct, the default of this format"
	}
	if v.isSet(key + ".retry") {
		v.add(key+".retry", "has no effect with %s; write delivery: queued, or remove it", why)
	}
	if endpoint.OnExhausted == ExhaustedDrop {
		v.add(key+".on_exhausted", "drop has no effect with %s, which always bounces; write delivery: queued, or remove it", why)
	}
}

// copies checks what makes no sense for an endpoint that only gets a copy: it
// answers nothing, and nobody hears of its failures.
func (v checker) copies(key string, endpoint *Endpoint) {
	if !endpoint.Copy {
		return
	}
	if i := slices.Index(endpoint.Stanzas, StanzaIQ); i >= 0 {
		v.add(fmt.Sprintf("%s.stanzas[%d]", key, i), "iq is not for a copy: an IQ has one answer, and a copy gives none; remove iq, or copy")
	}
	if endpoint.Delivery == DeliveryDirect {
		v.add(key+".delivery", "direct is not for a copy, which is always queued; remove it, or copy")
	}
	switch {
	case endpoint.OnExhausted != ExhaustedBounce:
	case v.isSet(key + ".on_exhausted"):
		v.add(key+".on_exhausted", "bounce is not for a copy, which bounces nothing; remove it, or copy")
	default:
		endpoint.OnExhausted = ExhaustedDrop
	}
}
