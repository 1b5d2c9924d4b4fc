package hook

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// ntfy reads what ntfy takes: a text with headers or query parameters, or JSON without a
// topic in the path.
func ntfy() adapter {
	return adapter{needsText: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := ntfyMessage(r)
		if err != nil {
			return reading{}, err
		}
		return reading{once: r.header("Idempotency-Key"), target: text(o, "topic"), parts: []part{{data: o, text: ntfyText(o)}}}, nil
	}}
}

// ntfyNames are the headers and query parameters of each field.
var ntfyNames = map[string][]string{
	"title": {"Title", "X-Title", "T", "Ti"}, "message": {"Message", "X-Message", "M"}, "priority": {"Priority", "X-Priority", "P", "Prio"}, "tags": {"Tags", "X-Tags", "Tag", "Ta"},
	"click": {"Click", "X-Click"}, "attach": {"Attach", "X-Attach", "A"}, "actions": {"Actions", "X-Actions", "Action"}, "markdown": {"Markdown", "X-Markdown", "Md"},
}

// ntfyMessage has the fields of a message by the names that they have in JSON.
func ntfyMessage(r *Request) (map[string]any, error) {
	topic, end, _ := strings.Cut(r.Path, "/")
	if body := bytes.TrimSpace(r.Body); topic == "" && len(body) > 0 && body[0] == '{' {
		return r.object()
	}
	if !utf8.Valid(r.Body) {
		return nil, unreadable("the body is not text; files are not taken")
	}
	o := map[string]any{"topic": topic, "message": string(r.Body)}
	if end == "json" || end == "sse" || end == "raw" || end == "ws" {
		return nil, unreadable("there is nothing to subscribe to")
	}
	for field, names := range ntfyNames {
		v := r.header(names...)
		for _, name := range names {
			if v == "" {
				v = r.Query.Get(strings.ToLower(name))
			}
		}
		if decoded, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
			v = decoded
		}
		if v != "" && (field != "message" || r.Method == http.MethodGet || len(r.Body) == 0) {
			o[field] = v
		}
	}
	if media, _ := r.media(); media == "text/markdown" {
		o["markdown"] = "yes"
	}
	if tags, ok := o["tags"].(string); ok {
		o["tags"] = split(",", tags)
	}
	return o, nil
}

// ntfyText is the text of a message.
func ntfyText(o map[string]any) string {
	body := text(o, "message")
	if m := get(o, "markdown"); m == true || m == "yes" || m == "true" || m == "1" {
		body = mdtext(body)
	}
	marks, tags := ntfyTags(o["tags"])
	if p := strings.ToLower(text(o, "priority")); p == "4" || p == "5" || p == "high" || p == "urgent" || p == "max" {
		marks = "❗ " + marks
	}
	if title := text(o, "title"); title != "" {
		body = lines(marks+title, body)
	} else if body != "" {
		body = marks + body
	}
	all := []string{body, tags, text(o, "click"), text(o, "attach")}
	return lines(append(all, ntfyActions(o["actions"])...)...)
}

// ntfyTags are the tags that are names of emoji, as such, and a line with the others.
func ntfyTags(v any) (marks, others string) {
	var words []string
	switch v := v.(type) {
	case []any:
		for _, t := range v {
			words = append(words, str(t))
		}
	case []string:
		words = v
	}
	var rest []string
	for _, w := range words {
		w = strings.TrimSpace(w)
		if e, ok := emojis[w]; ok {
			marks += e + " "
		} else if w != "" {
			rest = append(rest, w)
		}
	}
	if len(rest) > 0 {
		others = "Tags: " + strings.Join(rest, ", ")
	}
	return marks, others
}

// ntfyActions are the buttons that open an address.
func ntfyActions(v any) []string {
	if s, ok := v.(string); ok && strings.HasPrefix(strings.TrimSpace(s), "[") {
		if decoded, err := decode([]byte(s)); err == nil {
			v = decoded
		}
	}
	var all []string
	switch v := v.(type) {
	case []any:
		for _, a := range v {
			if text(a, "action") == "view" {
				all = append(all, ntfyButton(text(a, "label"), text(a, "url")))
			}
		}
	case string:
		for _, one := range strings.Split(v, ";") {
			f := strings.Split(one, ",")
			if len(f) >= 3 && strings.TrimSpace(f[0]) == "view" {
				all = append(all, ntfyButton(strings.TrimSpace(f[1]), strings.TrimSpace(f[2])))
			}
		}
	}
	return all
}

func ntfyButton(label, url string) string {
	label, url = strings.Trim(label, `"'`), strings.Trim(url, `"'`)
	if url == "" || label == "" {
		return url
	}
	return label + ": " + url
}
