package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// form matches the beginning of a form, urlencoded or multipart.
var form = regexp.MustCompile(`^(?:[A-Za-z0-9_.%+\[\]-]+=|--[^\r\n]+\r?\n)`)

// NotJSON says why a text is not JSON, such as "it ends too early"; it returns "" for
// JSON. The errors of encoding/json are for Go programmers.
func NotJSON(text []byte) string {
	text = bytes.TrimSpace(Unmarked(text))
	var value json.RawMessage
	d := json.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&value)
	syntax, _ := errors.AsType[*json.SyntaxError](err)
	switch {
	case len(text) == 0:
		return "it is empty"
	case err == nil:
		after := text[d.InputOffset():]
		if rest := bytes.TrimSpace(after); len(rest) > 0 {
			return wrongAt(text, len(text)-len(rest))
		}
		return ""
	case text[0] == '<':
		return "it looks like HTML or XML"
	case form.Match(text):
		return "it looks like a form"
	case errors.Is(err, io.ErrUnexpectedEOF) || syntax == nil:
		return "it ends too early"
	}
	return wrongAt(text, int(syntax.Offset)-1)
}

// maxNear bounds the quoted part of a text, in characters.
const maxNear = 16

// wrongAt names the position of the first wrong byte, counted from 1.
func wrongAt(text []byte, at int) string {
	at = max(0, min(at, len(text)-1))
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	near := []rune(strings.ToValidUTF8(string(text[at:min(len(text), at+4*maxNear)]), "\uFFFD"))
	if len(near) > maxNear {
		near = append(near[:maxNear], '…')
	}
	return fmt.Sprintf("it is wrong at byte %d, near %q", at+1, string(near))
}
