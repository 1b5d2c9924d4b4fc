package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
)

// wrongf is the error for a mistake of the caller.
func wrongf(format string, args ...any) error {
	return &httpapi.Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// fault returns how an error is answered.
func (e errorLog) fault(r *http.Request, err error) *httpapi.Fault {
	if f := faultOf(err); f != nil {
		return f
	}
	e.Error("request failed", zap.String("request_id", httpapi.RequestID(r.Context())), zap.String("path", r.URL.Path), zap.Error(err))
	return &httpapi.Fault{Status: http.StatusInternalServerError, Text: "internal error; the log has it under the request id"}
}

// faultOf returns how an error is answered that is not ours; nil for one that is.
func faultOf(err error) *httpapi.Fault {
	if f, ok := errors.AsType[*httpapi.Fault](err); ok {
		return f
	}
	for _, row := range [...]struct {
		is     error
		status int
		retry  int
	}{
		{gateway.ErrNotFound, http.StatusNotFound, 0},
		{gateway.ErrConflict, http.StatusConflict, 0},
		{gateway.ErrCursor, http.StatusBadRequest, 0},
		{gateway.ErrSilent, http.StatusServiceUnavailable, 1}, // it may be an ErrFull, too
		{gateway.ErrFull, http.StatusInsufficientStorage, 60},
	} {
		if errors.Is(err, row.is) {
			return &httpapi.Fault{Status: row.status, Text: err.Error(), RetryAfter: row.retry}
		}
	}
	return nil
}

// explain says what is wrong with a body that was not read, without words of the
// decoder.
func explain(r *http.Request, data []byte, err error) error {
	const write = `write a JSON object, for example {"key": "value"}`
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // curl sends JSON as a form, so what there is counts first
	if text := strings.TrimSpace(string(data)); !strings.HasPrefix(text, "{") {
		switch {
		case media == "application/x-www-form-urlencoded" || media == "multipart/form-data":
			return wrongf("the body is a form; %s", write)
		case strings.HasPrefix(text, "["):
			return wrongf("the body is a JSON array; %s", write)
		}
		if why := document.NotJSON(data); why != "" {
			return wrongf("the body is not a JSON object: %s; %s", why, write)
		}
		return wrongf("the body is not a JSON object; %s", write)
	}
	_, isSyntax := errors.AsType[*json.SyntaxError](err)
	kind, isKind := errors.AsType[*json.UnmarshalTypeError](err)
	field, isField := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case isSyntax || errors.Is(err, io.ErrUnexpectedEOF):
		return wrongf("the body is not JSON: %s", document.NotJSON(data))
	case isKind:
		return wrongf("%s: is %s where %s is needed", strings.ToLower(kind.Field), article(kind.Value), needed(kind.Type))
	case isField:
		return wrongf("the body has the unknown field %s", field)
	}
	return wrongf("the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// article puts one before the decoder's name of a JSON value, which may have the
// value behind it.
func article(value string) string {
	word, _, _ := strings.Cut(value, " ")
	switch word {
	case "array", "object":
		return "an " + word
	case "bool":
		return "true or false"
	}
	return "a " + word
}

// needed is what a Go type is in JSON.
func needed(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return needed(t.Elem())
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return "a whole number that is not too large"
	case reflect.Float64:
		return "a number"
	}
	return fmt.Sprint(t)
}
