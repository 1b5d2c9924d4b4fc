package document_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"stanzahook/pkg/document"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name, in string
		as       document.Syntax
		want     string
		n        int
	}{
		{"nothing to do", "a\tb\nc\r\n ü 😀 \u0085 \ufffd", document.Plain, "a\tb\nc\r\n ü 😀 \u0085 \ufffd", 0},
		{"colours of a terminal", "\x1b[32mactive\x1b[0m", document.Plain, "\ufffd[32mactive\ufffd[0m", 2},
		{"every control character", "\x00\x01\x08\x0b\x0c\x0e\x1f\x7f", document.Plain, strings.Repeat("\ufffd", 8), 8},
		{"no characters", "a\ufffeb\uffffc", document.Plain, "a\ufffdb\ufffdc", 2},
		{"escapes mean nothing in a text", `\u001b &#27;`, document.Plain, `\u001b &#27;`, 0},
		{"JSON", `{"a":"\u001b[1m\u0000\u007F\b\f\n\t"}`, document.JSON, `{"a":"\ufffd[1m\ufffd\ufffd\ufffd\ufffd\n\t"}`, 5},
		{"JSON, raw", "{\"a\":\"\x1b\x7f\"}", document.JSON, "{\"a\":\"\ufffd\ufffd\"}", 2},
		{"JSON, a backslash before it", `"\\u001b \\\u001b \"\u001b"`, document.JSON, `"\\u001b \\\ufffd \"\ufffd"`, 2},
		{"JSON, halves of pairs", `"\ud83d\ude00 \ud83d \ude00 \ud83d\ud83d\ude00 \uD800\u0041"`, document.JSON, `"\ud83d\ude00 \ufffd \ufffd \ufffd\ud83d\ude00 \ufffd\u0041"`, 4},
		{"JSON, no character", `"\ufffe\uFFFF"`, document.JSON, `"\ufffd\ufffd"`, 2},
		{"JSON that is broken", `"\u00`, document.JSON, `"\u00`, 0},
		{"JSON that ends in a backslash", `"\`, document.JSON, `"\`, 0},
		{"XML", "<a>\x1b &#27;&#x1B;&#x7f;&#xFFFF;&#9;&#xA;&amp;&#65;</a>", document.XML, "<a>\ufffd \ufffd\ufffd\ufffd\ufffd&#9;&#xA;&amp;&#65;</a>", 5},
		{"XML, CDATA", "<a><![CDATA[&#27;\x1b]]>&#27;</a>", document.XML, "<a><![CDATA[&#27;\ufffd]]>\ufffd</a>", 2},
		{"XML that is broken", "&#;&#x;&#99999999999;&", document.XML, "&#;&#x;&#99999999999;&", 0},
	} {
		got, n := document.Clean([]byte(c.in), c.as)
		if string(got) != c.want || n != c.n {
			t.Errorf("%s: %q, %d; want %q, %d", c.name, got, n, c.want, c.n)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, contentType, in string
		as                    document.Syntax
		want, err             string
	}{
		{"UTF-8", "text/plain", "grün", document.Plain, "grün", ""},
		{"a byte order mark", "text/plain", "\ufeffgrün", document.Plain, "grün", ""},
		{"a byte order mark and a declaration that lies", "text/xml", "\ufeff<?xml version='1.0' encoding='iso-8859-1'?><b>é</b>", document.XML, "<b>é</b>", ""},
		{"a byte order mark and nothing", "application/json", "\ufeff", document.JSON, "", ""},
		{"latin-1", "text/plain; charset=ISO-8859-1", "gr\xfcn \x80", document.Plain, "grün \u0080", ""},
		{"latin-1 in quotes", `text/plain; charset="latin1"`, "gr\xfcn", document.Plain, "grün", ""},
		{"Windows-1252", "text/plain;charset=windows-1252", "5 \x80", document.Plain, "5 €", ""},
		{"latin-1 that is UTF-8", "text/plain; charset=latin1", "grün", document.Plain, "grün", ""},
		{"latin-1 without a word", "text/plain", "gr\xfcn", document.Plain, "", "not valid UTF-8; send UTF-8, or name the charset"},
		{"not what it says", "text/plain; charset=utf-8", "gr\xfcn", document.Plain, "", "although its charset says so"},
		{"UTF-16", "text/plain", "\xff\xfeg\x00", document.Plain, "", "is UTF-16"},
		{"another charset", "text/plain; charset=koi8-r", "\xc1", document.Plain, "", `"koi8-r"`},
		{"another charset in seven bits", "text/plain; charset=iso-2022-jp", "x", document.Plain, "", `"iso-2022-jp"`},
		{"JSON has no charset", "application/json; charset=koi8-r", `"grün"`, document.JSON, `"grün"`, ""},
		{"JSON in another charset", "application/json; charset=koi8-r", "\"\xc1\"", document.JSON, "", `"koi8-r"`},
		{"JSON in latin-1", "application/json; charset=latin1", "\"\xfc\"", document.JSON, `"ü"`, ""},
		{"XML declaration", "application/xml", "<?xml version='1.0'?>\n<a/>\n", document.XML, "\n<a/>", ""},
		{"XML after a byte order mark", "application/xml", "\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\" standalone='yes' ?><a/>", document.XML, "<a/>", ""},
		{"XML in ASCII", "application/xml", "<?xml version='1.0' encoding='us-ascii'?><a/>", document.XML, "<a/>", ""},
		{"XML in latin-1", "application/xml", "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>", document.XML, "<a>ü</a>", ""},
		{"XML in Windows-1252", "application/xml", "<?xml version='1.0' encoding='Windows-1252'?><a>\x80</a>", document.XML, "<a>€</a>", ""},
		{"XML in latin-1 that could be UTF-8", "application/xml", "<?xml version='1.0' encoding='latin1'?><a>\xc3\xbc</a>", document.XML, "<a>Ã¼</a>", ""},
		{"the charset of the header holds", "application/xml; charset=utf-8", "<?xml version='1.0' encoding='latin1'?><a>ü</a>", document.XML, "<a>ü</a>", ""},
		{"XML in another encoding", "application/xml", "<?xml version='1.0' encoding='KOI8-R'?><a>x</a>", document.XML, "", `"KOI8-R"`},
		{"another charset than XML's", "application/xml; charset=koi8-r", "<a>x</a>", document.XML, "", `"koi8-r"`},
		{"XML that lies", "application/xml", "<?xml version='1.0' encoding='utf-8'?><a>\xfc</a>", document.XML, "", "although its charset says so"},
		{"what is no declaration stays", "application/xml", "<?xml?><a/>", document.XML, "<?xml?><a/>", ""},
		{"nor is this", "application/xml", "<?xml-stylesheet href='x'?><a/>", document.XML, "<?xml-stylesheet href='x'?><a/>", ""},
	} {
		got, err := document.Decode([]byte(c.in), c.contentType, c.as)
		if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", c.name, got, err, c.want, c.err)
		}
	}
}

func TestXMLText(t *testing.T) {
	for in, want := range map[string]string{
		" <a/> ": "<a/>",
		"\ufeff<?xml version='1.0' encoding='ISO-8859-1'?>\n<a>ü</a>": "<a>ü</a>",
	} {
		if got, err := document.XMLText(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	var charset *document.CharsetError
	if _, err := document.XMLText("<?xml version='1.0' encoding='UTF-16'?><a/>"); !errors.As(err, &charset) || charset.Name != "UTF-16" {
		t.Errorf("UTF-16: %v", err)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"\x1b", `"\u001b\ud83d\ude00\ud800"`, "<a>&#27;<![CDATA[&#27;]]></a>"} {
		f.Add(seed, uint8(1))
	}
	f.Fuzz(func(t *testing.T, in string, as uint8) {
		if !utf8.ValidString(in) {
			return
		}
		got, n := document.Clean([]byte(in), document.Syntax(as%3))
		if !utf8.Valid(got) || n == 0 && string(got) != in {
			t.Errorf("%q: %q, %d", in, got, n)
		}
		if again, n := document.Clean(got, document.Syntax(as%3)); n != 0 {
			t.Errorf("%q: %q has %d still: %q", in, got, n, again)
		}
	})
}
