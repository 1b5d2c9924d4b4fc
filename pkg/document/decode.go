package document

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// CharsetError means that a text names an unsupported encoding.
type CharsetError struct{ Name string }

func (e *CharsetError) Error() string {
	return fmt.Sprintf("the charset %q is not supported; send UTF-8 (iso-8859-1 and windows-1252 are decoded too)", Clip(e.Name, 40))
}

// Errors of Decode.
var (
	errUndeclared = errors.New("the body is not valid UTF-8; send UTF-8, or name the charset (iso-8859-1 or windows-1252) in the Content-Type")
	errNotUTF8    = errors.New("the body is not valid UTF-8, although its charset says so")
	errUTF16      = errors.New("the body is UTF-16; send UTF-8")
)

// charset is a supported encoding.
type charset uint8

const (
	unnamed charset = iota
	utf8Charset
	latin1
	windows1252
)

// charsetOf returns the encoding with a name of IANA, or a common misspelling.
func charsetOf(name string) (charset, error) {
	switch strings.ToLower(name) {
	case "":
		return unnamed, nil
	case "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968":
		return utf8Charset, nil
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "iso88591", "latin1", "latin-1", "l1", "cp819":
		return latin1, nil
	case "windows-1252", "windows1252", "cp1252", "cp-1252":
		return windows1252, nil
	}
	return unnamed, &CharsetError{name}
}

// Decode returns a body as UTF-8 without a byte order mark, and XML without its XML
// declaration. It treats valid UTF-8 as UTF-8 whatever the charset of the
// Content-Type: programs often declare another one, and text in other encodings is
// hardly ever valid UTF-8.
//
// Errors: [*CharsetError], or one about the bytes.
func Decode(body []byte, contentType string, as Syntax) ([]byte, error) {
	marked := bytes.HasPrefix(body, []byte(byteOrderMark)) // UTF-8, whatever the declaration
	body = Unmarked(body)
	param, err := charsetOf(charsetParam(contentType))
	if marked {
		param, err = utf8Charset, nil
	}
	valid := utf8.Valid(body)
	switch {
	case as == XML:
		return decodeXML(body, param, err, valid)
	case err != nil && !(as == JSON && valid): // JSON has no charset (RFC 8259 section 11)
		return nil, err
	case valid:
		return body, nil
	}
	return decode(body, param)
}

// Unmarked returns a text without a leading byte order mark, which some editors and
// programs write.
func Unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte(byteOrderMark)) }

const byteOrderMark = "\uFEFF"

// decodeXML decodes XML by the charset of the Content-Type, else by its declaration
// (RFC 7303 section 3.2).
func decodeXML(body []byte, param charset, err error, valid bool) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	rest, name := declaration(body)
	declared, err := charsetOf(name)
	switch {
	case err != nil && param == unnamed:
		return nil, err
	case param == unnamed && declared != unnamed:
		param = declared
		valid = valid && declared == utf8Charset
	}
	if valid {
		return rest, nil
	}
	return decode(rest, param)
}

func decode(body []byte, from charset) ([]byte, error) {
	switch from {
	case latin1:
		return charmap.ISO8859_1.NewDecoder().Bytes(body)
	case windows1252:
		return charmap.Windows1252.NewDecoder().Bytes(body)
	}
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")):
		return nil, errUTF16
	case from == utf8Charset:
		if utf8.Valid(body) {
			return body, nil
		}
		return nil, errNotUTF8
	}
	return nil, errUndeclared
}

// charsetParam returns the charset of a Content-Type.
func charsetParam(contentType string) string {
	if !strings.Contains(contentType, ";") {
		return ""
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil && params == nil {
		return ""
	}
	return params["charset"]
}
