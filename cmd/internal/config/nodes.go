package config

import (
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a mapping with its value.
type entry struct {
	name  string
	line  int // of the key
	value *yaml.Node

	// bare is a key in braces without a colon. It may be the rest of a value
	// with a comma in it, and so of a secret: {secret: one,two}
	bare bool
}

// shown is the key as a problem may show it.
func (e entry) shown() string {
	if e.bare {
		return "…"
	}
	return printable(e.name)
}

// entries are the keys of a mapping, each once, those of its merge keys (<<)
// last. A key of the mapping itself goes before a merged one, and an earlier
// merged mapping before a later one, as YAML's merge key type has it.
func (k *keyReader) entries(n *yaml.Node, path string) []entry {
	return k.collect(n, path, make(map[string]int), nil)
}

// collect adds the entries of a mapping that are not in seen (the lines of
// keys, by name). within are the mappings it is being merged into.
func (k *keyReader) collect(n *yaml.Node, path string, seen map[string]int, within []*yaml.Node) []entry {
	var all []entry
	var merges []*yaml.Node
	own := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolved(n.Content[i]), n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			k.r.addLine(key.Line, path, "a key is %s; keys are plain words", kindOf(key))
			continue
		}
		e := entry{key.Value, key.Line, value, n.Style&yaml.FlowStyle != 0 && isNull(value) && value.Value == ""}
		if first, twice := own[key.Value]; twice {
			k.r.addLine(key.Line, join(path, e.shown()), "is here twice, first in line %d; keep one", first)
			continue
		}
		own[key.Value] = key.Line
		if key.ShortTag() == "!!merge" {
			merges = append(merges, mergedBy(value)...)
			continue
		}
		if _, overridden := seen[key.Value]; !overridden {
			seen[key.Value] = key.Line
			all = append(all, e)
		}
	}
	within = append(within, n)
	for _, merged := range merges {
		if k.nodes++; k.nodes > maxNodes {
			return all
		}
		m := resolved(merged)
		switch {
		case m.Kind != yaml.MappingNode:
			k.r.addLine(merged.Line, join(path, "<<"), "is %s; a merge key takes an alias of a section (<<: *name) or a list of them", kindOf(m))
		case contains(within, m):
			k.r.addLine(merged.Line, join(path, "<<"), "merges a section into itself")
		default:
			all = append(all, k.collect(m, path, seen, within)...)
		}
	}
	return all
}

// mergedBy are the mappings that the value of a merge key stands for.
func mergedBy(value *yaml.Node) []*yaml.Node {
	if list := resolved(value); list.Kind == yaml.SequenceNode {
		return list.Content
	}
	return []*yaml.Node{value}
}

func contains(nodes []*yaml.Node, n *yaml.Node) bool {
	for _, other := range nodes {
		if other == n {
			return true
		}
	}
	return false
}

// resolved is the node that an alias stands for, or the node itself.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kindOf names what a node is, without showing it.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "empty"
	default:
		return "of a type of its own (begins with !)"
	}
}

// printable makes a key of the file fit for a path in a problem. Where the space after
// the colon is missing, the value is part of the key, and it may be a secret.
func printable(name string) string {
	name = shorten(name, func(c rune) bool { return unicode.IsSpace(c) || c == ':' || c == '=' })
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !strconv.IsPrint(c) || c == ' ' || c == '"' }) {
		return strconv.Quote(name)
	}
	return name
}
