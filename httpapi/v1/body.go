package v1

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
)

// page is a part of a list.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

func newPage[T any](items []T, next string) page[T] {
	if items == nil {
		items = []T{}
	}
	return page[T]{items, optional(next)}
}

// optional returns nil for a zero value.
func optional[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// answer writes v as the answer.
func answer(w http.ResponseWriter, status int, v any) error {
	httpapi.WriteJSON(w, status, v)
	return nil
}

// body reads a JSON object into v and refuses fields that v does not have. An empty
// body is an empty object.
func body(w http.ResponseWriter, r *http.Request, v any) error {
	data, f := httpapi.ReadText(w, r, document.JSON)
	if f != nil {
		return f
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explain(r, data, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrongf("the body: something follows the object")
	}
	return nil
}
