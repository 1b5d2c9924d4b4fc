// Package openapi has the OpenAPI 3.1 document of the HTTP API
// (https://spec.openapis.org/oas/v3.1.1.html). Each YAML file of doc has a part of it; it
// is served as one JSON. Package conform checks answers against it, for tests.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"stanzahook/httpapi"
)

//go:embed doc/*.yaml
var parts embed.FS

// Path is where the document is served.
const Path = "/openapi.json"

// Document returns the document. version is that of the program.
func Document(version string) ([]byte, error) {
	names, err := fs.Glob(parts, "doc/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	whole := make(map[string]any)
	for _, name := range names {
		text, err := parts.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("openapi: %w", err)
		}
		var part map[string]any
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
		if err := merge(whole, part, ""); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
	}
	if info, ok := whole["info"].(map[string]any); ok && version != "" {
		info["version"] = version
	}
	document, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return document, nil
}

// merge adds a part to the whole. Top-level keys that begin with x- are anchors for the
// file itself.
func merge(whole, part map[string]any, at string) error {
	for key, value := range part {
		if at == "" && strings.HasPrefix(key, "x-") {
			continue
		}
		known, ok := whole[key]
		if !ok {
			whole[key] = value
			continue
		}
		a, ok1 := known.(map[string]any)
		b, ok2 := value.(map[string]any)
		if !ok1 || !ok2 {
			return fmt.Errorf("%s/%s is in two files", at, key)
		}
		if err := merge(a, b, at+"/"+key); err != nil {
			return err
		}
	}
	return nil
}

// Route serves the document without authentication: see httpapi.Options.Open.
func Route(version string) httpapi.Route {
	document := sync.OnceValues(func() ([]byte, error) { return Document(version) })
	return httpapi.Route{Method: http.MethodGet, Path: Path, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := document()
		if err != nil { // the tests read the same files
			httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusInternalServerError, Text: err.Error()})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(body) // fails when the caller has gone
	})}
}
