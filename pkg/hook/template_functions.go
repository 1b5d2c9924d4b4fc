package hook

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

// functions are those of templates. They take any value and never fail because of it, but when
// the run has taken too many steps; the value that a pipe hands on is the last. No result has
// more than MaxText bytes.
func (r *run) functions() template.FuncMap {
	return template.FuncMap{
		getName: getPath, textName: func(v any, path string) string { return str(getPath(v, path)) }, printName: str, eachName: each, tickName: r.tick,

		"header": func(name string) string { return r.request.Header.Get(name) },
		"query":  func(name string) string { return r.request.Query.Get(name) },
		"ago":    of(r, byteSteps, func(v any) string { return ago(r.request.Time, v) }),

		"upper": of(r, byteSteps, func(v any) string { return bound(strings.ToUpper(str(v))) }),
		"lower": of(r, byteSteps, func(v any) string { return bound(strings.ToLower(str(v))) }),
		"title": of(r, byteSteps, title),
		"trim":  of(r, byteSteps, func(v any) string { return strings.TrimSpace(str(v)) }),
		"line": of(r, byteSteps, func(v any) string {
			first, _, _ := strings.Cut(strings.TrimSpace(str(v)), "\n")
			return strings.TrimSpace(first)
		}),
		"short": of(r, byteSteps, func(v any) string { s := str(v); return s[:min(8, len(s))] }),
		"ref":   of(r, byteSteps, ref),
		"trunc": with(r, func(n int, v any) string { return cut(str(v), max(n, 1)) }),
		"replace": func(old, by string, v any) (string, error) {
			if err := r.spend(len(old)+len(by)+size(v), byteSteps); err != nil {
				return "", err
			}
			return replace(old, by, v), nil
		},
		"join":      with(r, join),
		"split":     with(r, split),
		"default":   otherwise,
		"first":     func(v any) any { return element(v, true) },
		"last":      func(v any) any { return element(v, false) },
		"len":       of(r, byteSteps, length),
		"index":     variadic(r, index),
		"date":      with(r, date),
		"duration":  of(r, byteSteps, duration),
		"num":       of(r, byteSteps, num),
		"json":      of(r, byteSteps, jsonText),
		"urlquery":  of(r, byteSteps, func(v any) string { return bound(url.QueryEscape(str(v))) }),
		"mdtext":    of(r, mdSteps, func(v any) string { return bound(mdtext(str(v))) }),
		"slacktext": of(r, slackSteps, func(v any) string { return bound(slacktext(str(v))) }),

		"eq":      variadic(r, func(a any, b ...any) bool { return anyEqual(a, b) }),
		"ne":      compared(r, func(a, b any) bool { return !equal(a, b) }),
		"lt":      compared(r, func(a, b any) bool { return compare(a, b) < 0 }),
		"le":      compared(r, func(a, b any) bool { return compare(a, b) <= 0 }),
		"gt":      compared(r, func(a, b any) bool { return compare(a, b) > 0 }),
		"ge":      compared(r, func(a, b any) bool { return compare(a, b) >= 0 }),
		"print":   allOf(r, func(all []any) string { return printAll(all, "") }),
		"println": allOf(r, func(all []any) string { return printAll(all, " ") + "\n" }),
		"printf": func(format string, all ...any) (string, error) {
			if err := errors.Join(r.spend(len(format), verbSteps), r.spend(size(all), byteSteps)); err != nil {
				return "", err
			}
			return printf(format, all...)
		},
	}
}

// of is a function of a value, of which each byte takes some steps.
func of[T any](r *run, each int, f func(any) T) func(any) (T, error) {
	return func(v any) (out T, err error) {
		if err = r.spend(size(v), each); err == nil {
			out = f(v)
		}
		return out, err
	}
}

// with is a function of a value and something before it.
func with[A, T any](r *run, f func(A, any) T) func(A, any) (T, error) {
	return func(a A, v any) (out T, err error) {
		if err = r.spend(size(any(a))+size(v), byteSteps); err == nil {
			out = f(a, v)
		}
		return out, err
	}
}

// compared is a function of two values.
func compared(r *run, f func(a, b any) bool) func(a, b any) (bool, error) {
	return with(r, f)
}

// variadic is a function of a value and others.
func variadic[T any](r *run, f func(any, ...any) T) func(any, ...any) (T, error) {
	return func(v any, others ...any) (out T, err error) {
		if err = r.spend(size(v)*max(1, len(others))+size(others), byteSteps); err == nil {
			out = f(v, others...)
		}
		return out, err
	}
}

// allOf is a function of any number of values.
func allOf(r *run, f func([]any) string) func(...any) (string, error) {
	return func(all ...any) (string, error) {
		if err := r.spend(size(all), byteSteps); err != nil {
			return "", err
		}
		return f(all), nil
	}
}

// size is about how many bytes a value has as text.
func size(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v)
	case map[string]any:
		for key, e := range v {
			n += len(key) + size(e)
		}
	case []any:
		for _, e := range v {
			n += size(e)
		}
	case []string:
		for _, e := range v {
			n += len(e)
		}
	}
	return n
}

// each is what a range goes over. A number would be a loop of that many rounds: it is
// nothing, as a text is where a list should be.
func each(v any) any {
	switch v.(type) {
	case []any, map[string]any, []string:
		return v
	}
	return nil
}

func title(v any) string {
	before := ' '
	return strings.Map(func(c rune) rune {
		defer func() { before = c }()
		if unicode.IsLetter(before) || unicode.IsDigit(before) || before == '\'' {
			return c
		}
		return unicode.ToTitle(c)
	}, str(v))
}

// ref is the name of a branch or tag.
func ref(v any) string {
	s := str(v)
	for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
		s = strings.TrimPrefix(s, prefix)
	}
	return s
}

func replace(old, by string, v any) string {
	s := str(v)
	if old == "" || len(by) > MaxText {
		return s
	}
	n := strings.Count(s, old)
	if grow := len(by) - len(old); grow > 0 {
		n = min(n, MaxText/grow)
	}
	return bound(strings.Replace(s, old, by, n))
}

func join(sep string, v any) string {
	var b strings.Builder
	add := func(i int, e any) bool {
		if i > 0 {
			b.WriteString(bound(sep))
		}
		b.WriteString(str(e))
		return b.Len() < MaxText
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if !add(i, e) {
				break
			}
		}
	case []string:
		for i, e := range v {
			if !add(i, e) {
				break
			}
		}
	default:
		return str(v)
	}
	return bound(b.String())
}

func split(sep string, v any) []string {
	return strings.SplitN(str(v), sep, 1000)
}

// otherwise is a value, or another if it is empty.
func otherwise(d, v any) any {
	if truth, _ := template.IsTrue(v); truth {
		return v
	}
	return d
}

func element(v any, first bool) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
		if first {
			return v[0]
		}
		return v[len(v)-1]
	case []string:
		if len(v) == 0 {
			return nil
		}
		if first {
			return v[0]
		}
		return v[len(v)-1]
	}
	return v
}

func length(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case []string:
		return len(v)
	case map[string]any:
		return len(v)
	case string:
		return utf8.RuneCountInString(v)
	}
	return 0
}

// index follows keys and numbers into a value; nothing is found beyond it.
func index(v any, path ...any) any {
	for _, key := range path {
		n, ok := number(key)
		switch in := v.(type) {
		case []any:
			if v = nil; ok && n >= 0 && n < float64(len(in)) {
				v = in[int(n)]
			}
		case []string:
			if v = nil; ok && n >= 0 && n < float64(len(in)) {
				v = in[int(n)]
			}
		default:
			v = get(v, str(key))
		}
	}
	return v
}

// timeOf reads a time: RFC 3339, as tools write it besides, or Unix seconds.
func timeOf(v any) (time.Time, bool) {
	if s, ok := v.(string); ok {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 MST", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t, t.Year() > 1
			}
		}
	}
	n, ok := number(v)
	if !ok || math.Abs(n) > 1e14 {
		return time.Time{}, false
	}
	if n > 1e11 { // milliseconds
		n /= 1000
	}
	return time.Unix(0, int64(n*1e9)).UTC(), true
}

// date writes a time by a layout of Go. What is no time stays as it is.
func date(layout string, v any) string {
	t, ok := timeOf(v)
	if !ok {
		return str(v)
	}
	return bound(t.Format(layout))
}

// ago says how long before now a time is.
func ago(now time.Time, v any) string {
	t, ok := timeOf(v)
	if !ok {
		return str(v)
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd ago", int(d.Hours()/24))
	}
}

// duration writes seconds as 1m3s.
func duration(v any) string {
	n, ok := number(v)
	if !ok || math.Abs(n) > 1e9 {
		return str(v)
	}
	d := time.Duration(n * float64(time.Second))
	if d >= time.Second || d <= -time.Second {
		d = d.Round(time.Second)
	}
	return d.String()
}

// num writes a number with at most two decimals, thousands separated.
func num(v any) string {
	n, ok := number(v)
	if !ok || math.IsNaN(n) || math.IsInf(n, 0) || math.Abs(n) > 1e18 {
		return str(v)
	}
	whole, part, _ := strings.Cut(strconv.FormatFloat(math.Abs(n), 'f', 2, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part = strings.TrimRight(part, "0"); part != "" {
		whole += "." + part
	}
	if n < 0 && strings.Trim(whole, "0.,") != "" {
		whole = "-" + whole
	}
	return whole
}

func anyEqual(a any, others []any) bool {
	for _, b := range others {
		if equal(a, b) {
			return true
		}
	}
	return false
}

func equal(a, b any) bool { return compare(a, b) == 0 && (a == nil) == (b == nil) }

// compare compares numbers as such, and all else as it is printed.
func compare(a, b any) int {
	_, aText := a.(string)
	_, bText := b.(string)
	x, ok := number(a)
	y, also := number(b)
	if ok && also && !(aText && bText) {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return strings.Compare(str(a), str(b))
}

func printAll(all []any, sep string) string {
	var b strings.Builder
	for i, v := range all {
		if i > 0 {
			b.WriteString(sep)
		}
		if b.WriteString(str(v)); b.Len() > MaxText {
			break
		}
	}
	return bound(b.String())
}

// costly finds what makes a short format write much: widths of four digits and more, widths
// from arguments, and arguments that are used again.
var costly = regexp.MustCompile(`%[^%a-zA-Z]*([0-9]{4}|\*|\[)`)

func printf(format string, all ...any) (string, error) {
	if costly.MatchString(format) {
		return "", fmt.Errorf("printf: %q has a width over 999, or *, or [; they are not available", cut(format, 40))
	}
	room := MaxText
	for i, v := range all {
		switch v := v.(type) {
		case int64, float64, int, bool:
		default:
			s := str(v)
			s = s[:min(len(s), room)]
			room -= len(s)
			all[i] = s
		}
	}
	return bound(fmt.Sprintf(format, all...)), nil
}
