package document

import (
	"bytes"
	"regexp"
)

// XMLText returns XML from inside another text, such as a JSON string, without byte
// order mark, XML declaration and surrounding white space. The characters are already
// decoded, so it ignores the declared encoding if [Decode] supports that.
//
// Error: [*CharsetError].
func XMLText(text string) (string, error) {
	rest, name := declaration([]byte(text))
	if _, err := charsetOf(name); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(rest)), nil
}

// declaration removes the XML declaration (XML 1.0 section 2.8) of a document, with a
// byte order mark and white space before it, and returns the encoding that it names.
// It leaves an invalid declaration for the XML parser to refuse.
func declaration(doc []byte) (rest []byte, encoding string) {
	doc = bytes.TrimSpace(Unmarked(doc))
	if !bytes.HasPrefix(doc, []byte("<?xml")) {
		return doc, ""
	}
	m := xmlDeclaration.FindSubmatchIndex(doc)
	if m == nil {
		return doc, ""
	}
	if m[2] >= 0 {
		encoding = string(doc[m[2]+1 : m[3]-1])
	}
	return doc[m[1]:], encoding
}

var xmlDeclaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.[0-9]+"|'1\.[0-9]+')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*("[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"yes"|"no"|'yes'|'no'))?[ \t\r\n]*\?>`)
