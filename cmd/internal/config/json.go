package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds the nesting of a JSON object; no key of ours is that deep.
const maxDepth = 20

// jsonReader reads JSON as the nodes that YAML of the same content has, so that one reader
// of keys serves both. YAML itself reads not all JSON: it knows no pairs of surrogates.
type jsonReader struct {
	*json.Decoder
	text []byte
	at   int // where line is known
	line int
}

// parseJSON reads a JSON object. Its errors do not show it.
func parseJSON(text []byte) (*yaml.Node, error) {
	r := &jsonReader{Decoder: json.NewDecoder(bytes.NewReader(text)), text: text, line: 1}
	r.UseNumber()
	n, err := r.node(0)
	switch {
	case err != nil:
		return nil, err
	case n.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("is %s where a JSON object is needed", kindOf(n))
	case len(bytes.TrimSpace(text[r.InputOffset():])) > 0:
		return nil, errors.New("has something behind the JSON object")
	}
	return n, nil
}

// next reads the next token.
func (r *jsonReader) next() (json.Token, error) {
	t, err := r.Token()
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("is not JSON: it is wrong at byte %d", r.InputOffset()+1)
	}
	if err != nil {
		return nil, errors.New("is not JSON: it ends too early")
	}
	return t, nil
}

// node reads the next value.
func (r *jsonReader) node(depth int) (*yaml.Node, error) {
	t, err := r.next()
	switch {
	case err != nil:
		return nil, err
	case depth > maxDepth:
		return nil, errors.New("is nested too deeply")
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.lineOf(int(r.InputOffset()))}
	switch v := t.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if v == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for r.More() {
			inner, err := r.node(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, inner)
		}
		if _, err := r.next(); err != nil { // the end
			return nil, err
		}
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(v)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// lineOf returns the line of a place, which is behind those asked for before.
func (r *jsonReader) lineOf(place int) int {
	r.line += bytes.Count(r.text[r.at:place], []byte("\n"))
	r.at = place
	return r.line
}
