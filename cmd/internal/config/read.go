package config

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"stanzahook/pkg/secret"
)

// keyReader goes through the nodes of a file along the types of the Config. It
// reports what does not belong there and leaves it out of what it returns.
type keyReader struct {
	r     *report
	nodes int // how many were read; aliases are read where they are used
}

// maxNodes bounds the work that aliases of aliases can make of a small file.
const maxNodes = 200_000

// readKeys returns the values of the file, each of the type that the Config
// has for it, as sections in maps and lists in slices. The report knows every
// key's line afterwards.
func readKeys(r *report, root *yaml.Node) map[string]any {
	k := &keyReader{r: r}
	if isNull(root) {
		return nil // nothing but comments
	}
	section, _ := k.section(root, reflect.TypeFor[Config](), "")
	if k.nodes > maxNodes {
		r.addLine(1, "", "aliases make more than %d values of this file; write it with fewer", maxNodes)
	}
	return section
}

// value reads the value of one key.
func (k *keyReader) value(n *yaml.Node, t reflect.Type, path string) (any, bool) {
	n = resolved(n)
	if k.nodes++; k.nodes > maxNodes {
		return nil, false
	}
	if isLeaf(t) {
		return k.leaf(n, t, path)
	}
	texts := t == reflect.TypeFor[oneOrMore]() && n.Kind == yaml.ScalarNode
	if isNull(n) && !texts {
		return nil, false // a section or list of which everything is commented out
	}
	switch {
	case t == reflect.TypeFor[Verify]() && n.Kind == yaml.ScalarNode: // the kind alone
		kind, ok := k.leaf(n, reflect.TypeFor[string](), path)
		k.r.set[join(path, "kind")], k.r.lines[join(path, "kind")] = true, n.Line
		return map[string]any{"kind": kind}, ok
	case t == typeOfForm:
		return k.form(n, path)
	case t == typeOfForms:
		return k.forms(n, path)
	case t == reflect.TypeFor[map[string]string]():
		names, ok := k.names(n, path)
		return names, ok
	}
	switch t.Kind() {
	case reflect.Struct:
		section, ok := k.section(n, t, path)
		return section, ok
	case reflect.Slice:
		if texts {
			one, ok := k.leaf(n, t.Elem(), path)
			return []any{one}, ok
		}
		list, ok := k.list(n, t.Elem(), path)
		return list, ok
	default:
		if t == typeOfVariables {
			return k.variables(n, path)
		}
		headers, ok := k.headers(n, path)
		return headers, ok
	}
}

// section reads a mapping along the keys of a struct.
func (k *keyReader) section(n *yaml.Node, t reflect.Type, path string) (map[string]any, bool) {
	if n.Kind != yaml.MappingNode {
		k.r.reject(n.Line, path, "is %s where a section is needed (known keys: %s)", kindOf(n), strings.Join(namesOf(t), ", "))
		return nil, false
	}
	fields := make(map[string]reflect.Type)
	for _, f := range fieldsOf(t) {
		fields[nameOf(f)] = f.Type
	}
	values := make(map[string]any)
	for _, e := range k.entries(n, path) {
		fieldType, ok := fields[e.name]
		if !ok {
			k.unknown(e, t, path)
			continue
		}
		key := join(path, e.name)
		k.r.lines[key] = e.line
		if isLeaf(fieldType) {
			k.r.lines[key] = resolved(e.value).Line // an alias's value is to be corrected at its anchor
		}
		k.r.set[key] = !isNull(resolved(e.value))
		if value, ok := k.value(e.value, fieldType, key); ok {
			values[e.name] = value
		}
	}
	return values, true
}

// list reads a sequence. An element that cannot be used leaves an empty one
// behind, so that the others keep their numbers.
func (k *keyReader) list(n *yaml.Node, t reflect.Type, path string) ([]any, bool) {
	if n.Kind != yaml.SequenceNode {
		k.r.reject(n.Line, path, "is %s where a list is needed; begin each element with \"- \"", kindOf(n))
		return nil, false
	}
	values := make([]any, 0, len(n.Content))
	for i, element := range n.Content {
		key := path + "[" + strconv.Itoa(i) + "]"
		element = resolved(element)
		k.r.lines[key] = element.Line
		if isNull(element) && !isLeaf(t) {
			k.r.reject(element.Line, key, "is empty; write its keys or remove it")
		}
		value, ok := k.value(element, t, key)
		switch {
		case ok:
			values = append(values, value)
		case isLeaf(t):
			values = append(values, reflect.Zero(t).Interface())
		default:
			values = append(values, map[string]any{})
		}
	}
	return values, true
}

// headers reads a mapping of names of the user's choice to secrets.
func (k *keyReader) headers(n *yaml.Node, path string) (map[string]any, bool) {
	values := make(map[string]any)
	lines := make(map[string]int)
	return values, k.chosen(n, path, "header names with values are needed; write for example {Authorization: \"Bearer …\"}", func(e *entry, key string) {
		// HTTP does not tell the names apart by case, and neither does viper.
		name := http.CanonicalHeaderKey(e.name)
		if first, twice := lines[name]; twice {
			k.r.addLine(e.line, key, "is the same header as in line %d; keep one", first)
			return
		}
		lines[name] = e.line
		value, ok := k.value(e.value, reflect.TypeFor[secret.String](), key)
		if !ok {
			value = secret.String{} // the name is still to be checked
		}
		values[name] = value
	})
}

// names reads a mapping of names of the user's choice to texts.
func (k *keyReader) names(n *yaml.Node, path string) (map[string]any, bool) {
	values := make(map[string]any)
	return values, k.chosen(n, path, "names with addresses are needed; write for example {ops: ops@example.com}", func(e *entry, key string) {
		if value, ok := k.value(e.value, reflect.TypeFor[string](), key); ok {
			values[e.name] = value
		}
	})
}

// chosen calls take for each entry of a mapping whose keys are of the user's choice. It reports
// false if it is no mapping; needed says what is.
func (k *keyReader) chosen(n *yaml.Node, path, needed string, take func(e *entry, key string)) bool {
	if n.Kind != yaml.MappingNode {
		k.r.reject(n.Line, path, "is %s where "+needed, kindOf(n))
		return false
	}
	for _, e := range k.entries(n, path) {
		key := join(path, e.shown())
		if e.bare {
			k.r.addLine(e.line, key, bareKey)
			continue
		}
		k.r.lines[key], k.r.set[key] = e.line, true
		take(&e, key)
	}
	return true
}

// leaf reads a single value.
func (k *keyReader) leaf(n *yaml.Node, t reflect.Type, path string) (any, bool) {
	tag, text := n.ShortTag(), t.Kind() == reflect.String || !isShown(t)
	var why string
	switch {
	case isNull(n):
		why = "has no value; write one (in quotes if it begins with #) or remove the key"
	case n.Kind != yaml.ScalarNode:
		why = "is " + kindOf(n) + " where a single value is needed"
	case text && tag == "!!int" && isHostPort(path):
		why = quote(n.Value) + " is not host:port; write for example 127.0.0.1:" + n.Value
	case text && tag != "!!str" && isShown(t):
		why = quote(n.Value) + " is " + kindOf(n) + " where text is needed; put it in quotes"
	case text && tag != "!!str":
		why = "is " + kindOf(n) + " where text is needed; put it in quotes"
	case tag == "!!str" && (t.Kind() == reflect.Bool || t.Kind() == reflect.Int || t.Kind() == reflect.Float64) && isValue(t, n.Value):
		why = quote(n.Value) + " is text; write it without quotes"
	}
	if why != "" {
		k.r.reject(n.Line, path, "%s", why)
		return nil, false
	}
	value, err := parseValue(t, n.Value)
	if err != nil {
		k.r.reject(n.Line, path, "%s %v", subject(t, n.Value), err)
		return nil, false
	}
	return value, true
}

// isHostPort reports whether a key has a host and a port: of a number in quotes there would be a
// second complaint.
func isHostPort(path string) bool {
	return strings.HasSuffix(path, ".listen") || strings.HasSuffix(path, ".server")
}

func isValue(t reflect.Type, text string) bool {
	_, err := parseValue(t, text)
	return err == nil
}

// bareKey is the problem of a bare entry.
const bareKey = "a key without a value; put a text with a comma in it in quotes, and a space after each colon"

// unknown reports a key that the section does not have. If another one is
// meant, that one is not reported as missing too.
func (k *keyReader) unknown(e entry, section reflect.Type, path string) {
	key := join(path, e.shown())
	if e.bare {
		k.r.addLine(e.line, key, bareKey)
		return
	}
	if meant := closest(e.name, namesOf(section)); meant != "" {
		k.r.silence(join(path, meant))
		k.r.addLine(e.line, key, "unknown key; did you mean %q?", meant)
		return
	}
	if places := sectionsWith(e.name); len(places) > 0 {
		k.r.addLine(e.line, key, "unknown key here; it belongs under %s", strings.Join(places, " or "))
		return
	}
	k.r.addLine(e.line, key, "unknown key; known here: %s", strings.Join(namesOf(section), ", "))
}
