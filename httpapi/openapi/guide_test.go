package openapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/openapi/conform"
)

var update = flag.Bool("update", false, "write openapi.json and the page of the guide")

const (
	documentFile = "openapi.json"
	pageFile     = "../../examples/guide/http-api.md"
	versionFile  = "../../cmd/internal/build/VERSION"
)

// The document in the tree is the one that the program serves, and the page of the
// guide is made of it. "go test ./httpapi/openapi -update" writes both.
func TestDocumentInTheTree(t *testing.T) {
	version, err := os.ReadFile(versionFile)
	require.NoError(t, err)
	document, err := openapi.Document(strings.TrimSpace(string(version)))
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, document, "", " "))
	indented.WriteByte('\n')
	c, err := conform.New()
	require.NoError(t, err)
	for file, want := range map[string]string{documentFile: indented.String(), pageFile: page(c.Spec)} {
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
			continue
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not up to date (%v); run go test ./httpapi/openapi -update", file, err)
		}
	}
}

// page is the guide's page of the HTTP API.
func page(spec *openapi3.T) string {
	var b strings.Builder
	b.WriteString("# HTTP API\n\n<!-- Made of the OpenAPI document: go test ./httpapi/openapi -update -->\n\n")
	fmt.Fprintf(&b, "%s\n\nFor machines: [openapi.json](../../httpapi/openapi/openapi.json), which stanzahook serves at `/openapi.json`. How to use it is in [sending](sending.md), [pull](pull.md) and [webhooks](webhooks.md).\n\n", strings.TrimSpace(spec.Info.Description))
	b.WriteString("| | |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(spec.Components.SecuritySchemes)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, cell(spec.Components.SecuritySchemes[name].Value.Description))
	}
	for _, tag := range spec.Tags {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", tag.Name, tag.Description)
		for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
			item := spec.Paths.Value(path)
			for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
				if op := item.Operations()[method]; slices.Contains(op.Tags, tag.Name) {
					writeOperation(&b, method+" "+path, op, slices.Concat(item.Parameters, op.Parameters))
				}
			}
		}
	}
	b.WriteString("\n## Webhooks\n\nThe requests that stanzahook makes.\n")
	for _, name := range slices.Sorted(maps.Keys(spec.Webhooks)) {
		writeOperation(&b, "POST to the webhook: "+name, spec.Webhooks[name].Post, spec.Webhooks[name].Post.Parameters)
	}
	writeErrors(&b, spec)
	b.WriteString("\n## Schemas\n")
	for _, name := range slices.Sorted(maps.Keys(spec.Components.Schemas)) {
		writeSchema(&b, name, spec.Components.Schemas[name].Value)
	}
	return b.String()
}

// writeOperation writes what a request takes and what it is answered with.
func writeOperation(b *strings.Builder, title string, op *openapi3.Operation, parameters openapi3.Parameters) {
	fmt.Fprintf(b, "\n### `%s`\n\n", title)
	if op.Summary != "" {
		fmt.Fprintf(b, "%s.\n\n", op.Summary)
	}
	if op.Description != "" {
		fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(op.Description))
	}
	if len(parameters) > 0 {
		b.WriteString("| parameter | in | type | |\n|---|---|---|---|\n")
		for _, p := range parameters {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Value.Name, p.Value.In, typeOf(p.Value.Schema), cell(p.Value.Description))
		}
		b.WriteByte('\n')
	}
	if op.RequestBody != nil {
		fmt.Fprintf(b, "Body: %s.\n\n", content(op.RequestBody.Value.Content))
	}
	b.WriteString("| status | answer | body |\n|---|---|---|\n")
	type answer struct{ text, body string }
	statuses := make(map[answer][]string)
	var order []answer
	var refusals []string
	for _, status := range slices.SortedFunc(maps.Keys(op.Responses.Map()), func(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) }) {
		r := op.Responses.Value(status)
		if r.Ref != "" {
			refusals = append(refusals, status)
			continue
		}
		a := answer{cell(*r.Value.Description), content(r.Value.Content)}
		if statuses[a] == nil {
			order = append(order, a)
		}
		statuses[a] = append(statuses[a], status)
	}
	for _, a := range order {
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.Join(statuses[a], ", "), a.text, a.body)
	}
	if len(refusals) > 0 {
		fmt.Fprintf(b, "| %s | an [error](#errors) | `application/problem+json`: [Problem](#problem) |\n", strings.Join(refusals, ", "))
	}
}

// writeErrors writes what the errors mean that operations share.
func writeErrors(b *strings.Builder, spec *openapi3.T) {
	meanings := make(map[string]string)
	for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) { // texts are joined in one order
		operations := spec.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			for status, r := range operations[method].Responses.Map() {
				if text := cell(*r.Value.Description); r.Ref != "" && !strings.Contains(meanings[status], text) {
					meanings[status] = strings.TrimSpace(meanings[status] + " " + text)
				}
			}
		}
	}
	b.WriteString("\n## Errors\n\n| status | means |\n|---|---|\n")
	for _, status := range slices.Sorted(maps.Keys(meanings)) {
		fmt.Fprintf(b, "| %s | %s |\n", status, meanings[status])
	}
}

// writeSchema writes a named schema.
func writeSchema(b *strings.Builder, name string, s *openapi3.Schema) {
	fmt.Fprintf(b, "\n### %s\n\n", name)
	if s.Description != "" {
		fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(s.Description))
	}
	if len(s.Properties) == 0 {
		fmt.Fprintf(b, "%s\n", typeOf(&openapi3.SchemaRef{Value: s}))
		return
	}
	b.WriteString("| key | type | |\n|---|---|---|\n")
	writeProperties(b, "", s)
}

// writeProperties writes the keys of an object, and of those in it that have no name.
func writeProperties(b *strings.Builder, before string, s *openapi3.Schema) {
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[key]
		description := p.Value.Description
		if p.Ref != "" {
			description = ""
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", before+key, typeOf(p), cell(description))
		inner, suffix := p, "."
		if p.Value.Items != nil {
			inner, suffix = p.Value.Items, "[]."
		}
		if inner.Ref == "" && p.Ref == "" {
			writeProperties(b, before+key+suffix, inner.Value)
		}
	}
}

// content lists media types with their schemas.
func content(c openapi3.Content) string {
	var all []string
	for _, media := range slices.Sorted(maps.Keys(c)) {
		text := "`" + media + "`"
		if schema := c[media].Schema; schema != nil && typeOf(schema) != "string" {
			text += ": " + typeOf(schema)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// typeOf describes a schema in a cell.
func typeOf(ref *openapi3.SchemaRef) string {
	s := ref.Value
	switch {
	case ref.Ref != "":
		name := ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	case len(s.Enum) > 0:
		return oneOf(s.Enum)
	case s.Const != nil:
		return oneOf([]any{s.Const})
	}
	var parts []string
	for _, some := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf, s.AllOf} {
		for _, one := range some {
			parts = append(parts, typeOf(one))
		}
	}
	if s.Type != nil && len(parts) == 0 {
		for _, name := range *s.Type {
			if name == "array" && s.Items != nil && (s.Items.Ref != "" || len(s.Items.Value.Properties) == 0) {
				name = "list of " + typeOf(s.Items)
			}
			parts = append(parts, name)
		}
	}
	text := strings.Join(parts, " or ")
	if s.Format != "" {
		text += ", " + s.Format
	}
	if s.Default != nil {
		text += fmt.Sprintf("; default `%v`", s.Default)
	}
	return text
}

func oneOf(values []any) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("`%v`", v))
	}
	return strings.Join(all, ", ")
}

// cell puts a text into one line of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
