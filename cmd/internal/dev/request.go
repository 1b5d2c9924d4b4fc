package dev

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stanzahook/httpapi/v1"
)

// shownRequest is a request as people read it: JSON is indented.
func shownRequest(r *v1.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(&b, "%s: %s\n", name, r.Headers[name])
	}
	b.WriteString("\n")
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(r.Body), "", "  ") == nil {
		return b.String() + indented.String()
	}
	return b.String() + r.Body
}
