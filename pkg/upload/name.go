package upload

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName bounds the name of a file, in bytes.
const maxName = 200

// Name returns the name that a file has for others: the last element of a path, in NFC,
// without characters that are not seen or that a file system reads; "file" if nothing is left.
func Name(name string) string {
	name = norm.NFC.String(strings.ToValidUTF8(name, "_"))
	name = strings.ReplaceAll(name, `\`, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) || c == unicode.ReplacementChar || c >= 0xFFFE {
			return '_'
		}
		return c
	}, name)
	name = shorten(strings.TrimSpace(name))
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// shorten keeps the end of a name that is too long if it says what the file is.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := path.Ext(name)
	if len(end) > 20 {
		end = ""
	}
	at := maxName - len(end)
	for !utf8.RuneStart(name[at]) {
		at--
	}
	return name[:at] + end
}
