package v1

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"stanzahook/httpapi"
)

// Bounds of the parts of a form that are no files.
const (
	maxFields = 10
	maxField  = 4096
)

// form reads a multipart body part by part, as it comes.
type form struct{ reader *multipart.Reader }

func newForm(r *http.Request, body io.Reader) (*form, error) {
	r.Body = io.NopCloser(body)
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, wrongf("the body is no form: %s", err)
	}
	return &form{reader}, nil
}

// next returns the next part; nil at the end.
func (f *form) next() (*multipart.Part, error) {
	part, err := f.reader.NextPart()
	switch {
	case err == io.EOF:
		return nil, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &httpapi.Fault{Status: http.StatusRequestTimeout, Text: "the body did not arrive in time"}
	case httpapi.Overlong(err):
		return nil, &httpapi.Fault{Status: http.StatusRequestEntityTooLarge, Text: "the form is larger than uploads.max_bytes"}
	case err != nil:
		return nil, wrongf("the form could not be read to its end")
	}
	return part, nil
}

// text reads a part that is a text of at most so many bytes.
func (f *form) text(part *multipart.Part, most int64) (string, error) {
	data, err := io.ReadAll(io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return "", wrongf("%.40q: the part could not be read to its end", part.FormName())
	case int64(len(data)) > most:
		return "", &httpapi.Fault{Status: http.StatusRequestEntityTooLarge, Text: "a part of the form that is no file is too long"}
	}
	return string(data), nil
}

// file reads the fields before the part "file", and returns that.
func (f *form) file(fields map[string]*string) (*multipart.Part, error) {
	for range maxFields {
		part, err := f.next()
		switch {
		case err != nil:
			return nil, err
		case part == nil:
			return nil, wrongf("file: the form has no part of this name")
		case part.FormName() == "file":
			return part, nil
		case fields[part.FormName()] == nil:
			return nil, wrongf("%.40q: the form has a part of this name, which is not known here", part.FormName())
		}
		if *fields[part.FormName()], err = f.text(part, maxField); err != nil {
			return nil, err
		}
	}
	return nil, wrongf("the form has too many parts before the file")
}
