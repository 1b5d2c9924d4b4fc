package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is what a tool has sent.
type Request struct {
	Method string
	Path   string // behind the address of the hook, without a first slash
	Header http.Header
	Query  url.Values
	Body   []byte
	Time   time.Time // when it came
}

// Why a request is not a notice. Errors wrap them.
var (
	ErrPayload = errors.New("the payload cannot be read")
	ErrNoText  = errors.New("the payload has no text")
)

func unreadable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPayload, fmt.Sprintf(format, args...))
}

// media returns the type of the body, and its parameters.
func (r *Request) media() (string, map[string]string) {
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media, params
}

// form reads the fields of a body that is a form; ok is false for other bodies.
func (r *Request) form() (fields url.Values, ok bool, err error) {
	switch media, params := r.media(); media {
	case "application/x-www-form-urlencoded":
		// curl sends JSON as a form, so what there is counts first.
		if text := bytes.TrimLeft(r.Body, " \t\r\n"); len(text) > 0 && text[0] == '{' {
			return nil, false, nil
		}
		fields, err = url.ParseQuery(string(r.Body))
	case "multipart/form-data":
		fields, err = multipartFields(r.Body, params["boundary"])
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, unreadable("the body is not a form: %v", err)
	}
	return fields, true, nil
}

// maxParts bounds the parts of a form.
const maxParts = 100

// multipartFields reads the parts without a file name.
func multipartFields(body []byte, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errors.New("Content-Type has no boundary")
	}
	fields, parts := make(url.Values), multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		if p.FileName() == "" {
			fields.Add(p.FormName(), string(data))
		}
	}
	return nil, fmt.Errorf("it has more than %d parts", maxParts)
}

// payload decodes the JSON of a request: the body, or the first of some fields of a form.
func (r *Request) payload(fields ...string) (any, error) {
	data := r.Body
	if form, ok, err := r.form(); err != nil {
		return nil, err
	} else if ok {
		data = nil
		for _, name := range fields {
			if form.Has(name) {
				data = []byte(form.Get(name))
				break
			}
		}
		if data == nil {
			return nil, unreadable("the body is a form without %s", strings.Join(append(fields, "JSON"), " or "))
		}
	}
	return decode(data)
}

// object decodes the payload, which must be a JSON object.
func (r *Request) object(fields ...string) (map[string]any, error) {
	v, err := r.payload(fields...)
	if err != nil {
		return nil, err
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, unreadable("it is %s, and not a JSON object", kindOf(v))
	}
	return o, nil
}

// decode decodes one JSON value. Whole numbers are int64, so that they are printed as they
// were written.
func decode(data []byte) (any, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, unreadable("the body is empty")
	}
	if !utf8.Valid(data) {
		return nil, unreadable("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, unreadable("the body is not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, unreadable("the body has more than one JSON value")
	}
	return numbers(v), nil
}

// numbers makes int64 or float64 of the numbers in a decoded value.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			v[key] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case string:
		return "a text"
	case bool:
		return "true or false"
	}
	return "a number"
}

// header returns the value of the first of some headers that is set.
func (r *Request) header(names ...string) string {
	for _, name := range names {
		if v := r.Header.Get(name); v != "" {
			return v
		}
	}
	return ""
}
