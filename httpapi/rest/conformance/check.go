package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"stanzahook/pkg/stanza"
)

// CheckAnswer says what is wrong with the answer of a case.
func (c *Case) CheckAnswer(status int, media, body string) error {
	if status != c.Status {
		return fmt.Errorf("status %d, want %d; the body is %s", status, c.Status, body)
	}
	media, _, _ = strings.Cut(media, ";")
	switch {
	case c.Condition != "":
		return c.checkError(media, body)
	case media != c.Media:
		return fmt.Errorf("format %q, want %q; the body is %s", media, c.Media, body)
	case !sameBody(media, c.Text, body):
		return fmt.Errorf("the answer is\n%s\nwant\n%s", body, c.Text)
	}
	return nil
}

func sameBody(media, want, got string) bool {
	switch media {
	case "application/xmpp+xml":
		return SameXML(want, got)
	case "application/json":
		return sameJSON(want, got)
	case "application/x-www-form-urlencoded":
		w, errWant := url.ParseQuery(want)
		g, errGot := url.ParseQuery(got)
		return errWant == nil && errGot == nil && matches(form(w), form(g))
	}
	return want == got
}

func form(v url.Values) map[string]any {
	m := map[string]any{}
	for key := range v {
		m[key] = v.Get(key)
	}
	return m
}

func sameJSON(want, got string) bool {
	var w, g any
	return json.Unmarshal([]byte(want), &w) == nil && json.Unmarshal([]byte(got), &g) == nil && matches(w, g)
}

// matches compares decoded JSON; "*" is any text.
func matches(want, got any) bool {
	switch w := want.(type) {
	case string:
		g, ok := got.(string)
		return ok && (w == "*" || w == g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !matches(w[i], g[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for key := range w {
			if value, has := g[key]; !has || !matches(w[key], value) {
				return false
			}
		}
		return true
	}
	return want == got
}

// refusal is an error of mod_rest, in either format.
type refusal struct {
	Condition, Text, Context string
	Code                     int
}

func (c *Case) checkError(media, body string) error {
	var r refusal
	var err error
	switch media {
	case "application/json":
		r, err = refusalJSON(body, c.Status)
	case "application/xmpp+xml":
		r, err = refusalXML(body)
		r.Context = c.Context // is in the JSON alone
	default:
		err = fmt.Errorf("errors have no format %q", media)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	if r.Condition != c.Condition || !strings.HasPrefix(r.Text, c.Text) || c.Context != "" && r.Context != c.Context {
		return fmt.Errorf("the error is\n%s\nwant %s, %q, context %q", body, c.Condition, c.Text, c.Context)
	}
	return nil
}

func refusalJSON(body string, status int) (refusal, error) {
	var doc struct {
		Type  string
		Code  int
		Error struct {
			Type, Condition, Text, Source string
			Code                          int
			Context                       *struct{ Error any }
		}
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		return refusal{}, err
	}
	e := doc.Error
	if doc.Type != "error" || doc.Code != status || e.Code != status || e.Type == "" || e.Source != "mod_rest" || e.Context == nil {
		return refusal{}, fmt.Errorf("not as mod_rest writes errors")
	}
	r := refusal{Condition: e.Condition, Text: e.Text}
	r.Context, _ = e.Context.Error.(string)
	return r, nil
}

func refusalXML(body string) (refusal, error) {
	e, err := stanza.ParseElement(strings.TrimSpace(body), stanza.Limits{})
	if err != nil {
		return refusal{}, err
	}
	if e.Space != stanza.NSStream || e.Local != "error" {
		return refusal{}, fmt.Errorf("not a stream error: %s", body)
	}
	condition, text := e.Condition(stanza.NSStreams)
	return refusal{Condition: condition, Text: text}, nil
}
