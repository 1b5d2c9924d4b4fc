package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"stanzahook/cmd/internal/build"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// requestOf is the request of a delivery, as it would be made now.
func (s *devSession) requestOf(d *v1.Delivery) (string, error) {
	x, err := stanza.Parse(d.Stanza, stanza.Limits{})
	if err != nil {
		return "", fmt.Errorf("the stanza of %s: %w", d.ID, err)
	}
	e := &webhook.Endpoint{Name: "bot", URL: s.options.bot, Format: webhook.Format(s.options.format), UserAgent: build.UserAgent()}
	if s.options.secret != "" {
		key, err := signature.ParseSecret(s.options.secret)
		if err != nil {
			return "", err
		}
		e.Secrets = []signature.Secret{key}
	}
	client, err := webhook.NewClient(e)
	if err != nil {
		return "", err
	}
	defer client.Close()
	r, err := client.Request(&webhook.Event{ID: d.ID, Component: devBots, Received: d.Received, Stanza: x})
	if err != nil {
		return "", err
	}
	return shownRequest(r)
}

// shownRequest is a request as people read it: JSON is indented.
func shownRequest(r *http.Request) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	var names []string
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	return b.String() + "\n" + string(body), nil
}
