package hook

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// get follows a path of keys into a decoded value; nil if something else is in the way.
func get(v any, path ...string) any {
	for _, key := range path {
		o, _ := v.(map[string]any)
		v = o[key]
	}
	return v
}

// getPath is get for templates: one text is a cheaper argument than many.
func getPath(v any, path string) any {
	for more := true; more; {
		var key string
		key, path, more = strings.Cut(path, pathSep)
		o, _ := v.(map[string]any)
		v = o[key]
	}
	return v
}

// list returns the list at a path; nil if there is none.
func list(v any, path ...string) []any {
	l, _ := get(v, path...).([]any)
	return l
}

// text returns the text at a path; numbers are text too, lists and objects are not.
func text(v any, path ...string) string {
	switch v := get(v, path...).(type) {
	case string:
		return v
	case int64, float64, int:
		return str(v)
	}
	return ""
}

// str is a value as a template prints it: nothing for null, lists and objects as JSON. It
// has at most MaxText bytes.
func str(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return bound(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any, []any:
		return jsonText(v)
	}
	return bound(fmt.Sprint(v))
}

func jsonText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return ""
	}
	return bound(strings.TrimSuffix(b.String(), "\n"))
}

// bound cuts a text to MaxText bytes, between characters.
func bound(s string) string { return boundTo(s, MaxText) }

// maxMarkup bounds the markup of which plain text is made, in bytes: a body needs less, even
// with characters of four bytes.
const maxMarkup = 5 * MaxText

func ofMarkup(s string) string { return boundTo(s, maxMarkup) }

func boundTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// number returns a value as a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	return 0, false
}

// lines joins the texts that are not empty.
func lines(texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, "\n")
}

// linked is a text with the address behind it.
func linked(text, url string) string {
	switch {
	case url == "" || text == url:
		return text
	case text == "":
		return url
	}
	return text + " (" + url + ")"
}
