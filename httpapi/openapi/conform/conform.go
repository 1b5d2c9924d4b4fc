// Package conform checks answers of the HTTP API against its OpenAPI document.
// It is for tests.
package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi"
)

// Checker has the document.
type Checker struct {
	Spec  *openapi3.T
	paths []path
}

type path struct {
	template string
	match    *regexp.Regexp
	item     *openapi3.PathItem
}

// New reads and validates the document.
func New() (*Checker, error) {
	text, err := openapi.Document("test")
	if err != nil {
		return nil, err
	}
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	if err := spec.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	c := &Checker{Spec: spec}
	for template, item := range spec.Paths.Map() {
		c.paths = append(c.paths, path{template, pattern(template), item})
	}
	slices.SortFunc(c.paths, func(a, b path) int { return compare(a.template, b.template) })
	return c, nil
}

// pattern returns what a template matches. The last variable of a path may have slashes
// or be empty: it is an address, or an id of somebody else, but not a name. A path without
// variables may end in a slash.
func pattern(template string) *regexp.Regexp {
	parts := strings.Split(template, "/")
	for i, part := range parts {
		switch {
		case !strings.HasPrefix(part, "{"):
			parts[i] = regexp.QuoteMeta(part)
		case i == len(parts)-1 && part != "{name}":
			parts[i] = ".*"
		default:
			parts[i] = "[^/]+"
		}
	}
	end := "$"
	if !strings.Contains(template, "{") {
		end = "/?$"
	}
	return regexp.MustCompile("^" + strings.Join(parts, "/") + end)
}

// compare puts more specific templates first.
func compare(a, b string) int {
	variable := func(s string) int { return min(strings.Count(s, "{"), 1) }
	if n := variable(a) - variable(b); n != 0 {
		return n
	}
	if n := strings.Count(b, "/") - strings.Count(a, "/"); n != 0 {
		return n
	}
	if n := strings.Count(a, "{") - strings.Count(b, "{"); n != 0 {
		return n
	}
	return strings.Compare(a, b)
}

// find returns the operation of a request; nil: there is none.
func (c *Checker) find(r *http.Request) *routers.Route {
	for _, p := range c.paths {
		op := p.item.GetOperation(r.Method)
		if op != nil && p.match.MatchString(r.URL.Path) {
			return &routers.Route{Spec: c.Spec, Path: p.template, PathItem: p.item, Method: r.Method, Operation: op}
		}
	}
	return nil
}

// Check returns what is wrong with the status, media type or body of an answer. A request
// without an operation in the document must be answered with 404 or 405.
func (c *Checker) Check(r *http.Request, status int, header http.Header, body []byte) error {
	if status == httpapi.StatusGone {
		return nil
	}
	route := c.find(r)
	if route == nil {
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("%s %s is not in the OpenAPI document, and the answer is %d", r.Method, r.URL.Path, status)
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 status, Header: header, Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	response := route.Operation.Responses.Status(status)
	if len(body) > 0 && response != nil && response.Value != nil && len(response.Value.Content) == 0 {
		return fmt.Errorf("%s %s: %d has a body, and has none in the OpenAPI document: %.200s", r.Method, route.Path, status, body)
	}
	if response != nil && response.Value != nil && !readable(header.Get("Content-Type")) {
		if response.Value.Content.Get(header.Get("Content-Type")) == nil && len(body) > 0 {
			return fmt.Errorf("%s %s: %d is %q, which the OpenAPI document does not have", r.Method, route.Path, status, header.Get("Content-Type"))
		}
		in.Options.ExcludeResponseBody = true
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), in); err != nil {
		return fmt.Errorf("%s %s: %d %.300s: %w", r.Method, route.Path, status, body, err)
	}
	return nil
}

// readable reports whether bodies of a media type are checked: only JSON has
// schemas.
func readable(mediaType string) bool {
	return strings.Contains(mediaType, "json")
}

// Recorder returns a handler that passes answers unchanged, and reports wrong ones.
func (c *Checker) Recorder(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &recorded{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(a, r)
		if err := c.Check(r, a.status, w.Header(), a.body); err != nil {
			report(err)
		}
	})
}

// read reads the document once for all tests.
var read = sync.OnceValues(New)

// Must is Recorder for tests; it panics.
func Must(next http.Handler) http.Handler {
	c, err := read()
	if err != nil {
		panic(err)
	}
	return c.Recorder(next, func(err error) { panic(err) })
}

// recorded keeps a copy of an answer.
type recorded struct {
	http.ResponseWriter
	status int
	begun  bool
	body   []byte
}

// Unwrap lets http.ResponseController find the connection.
func (a *recorded) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *recorded) WriteHeader(status int) {
	if !a.begun && status >= 200 {
		a.begun, a.status = true, status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *recorded) Write(b []byte) (int, error) {
	a.begun = true
	a.body = append(a.body, b...)
	return a.ResponseWriter.Write(b)
}

// ReadFrom is Write, so that nothing passes beside it.
func (a *recorded) ReadFrom(r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	n, errWrite := a.Write(b)
	return int64(n), errors.Join(err, errWrite)
}
