package stanza

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReaderFrames(t *testing.T) {
	big := "<message><body>" + strings.Repeat("x", 200_000) + "</body></message>"
	stream := "<?xml version='1.0'?>" + testHead + ` 296 <message a='>'/> <iq><x><![CDATA[</iq>]]></x><!-- </iq> --><?pi </iq>?></iq>` + "\n" + big + `<presence/></stream:stream>`
	want := []string{`<message a='>'/>`, `<iq><x><![CDATA[</iq>]]></x><!-- </iq> --><?pi </iq>?></iq>`, big, `<presence/>`}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(stream), "byte by byte": iotest.OneByteReader(strings.NewReader(stream)),
		"halves": iotest.HalfReader(strings.NewReader(stream)), "data with EOF": iotest.DataErrReader(strings.NewReader(stream)),
	} {
		got, err := readFrames(r, Limits{})
		if !errors.Is(err, ErrStreamEnd) || !slices.Equal(got, want) {
			t.Errorf("%s: %.300q, %v", name, got, err)
		}
	}
}

func TestReaderHeader(t *testing.T) {
	r := NewReader(strings.NewReader("<?xml version='1.0'?>\n<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns:db=\"jabber:server:dialback\" from='c.example' id='a&amp;b' xmlns='jabber:component:accept'><message/>"), Limits{})
	h, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	if h.ID != "a&b" || h.From != "c.example" || !slices.Equal(h.Scope, []Namespace{{"stream", NSStream}, {"db", "jabber:server:dialback"}}) {
		t.Errorf("header %+v", h)
	}
	if f, err := r.Next(); err != nil || string(f) != "<message/>" {
		t.Errorf("%s %v", f, err)
	}
	for _, bad := range []string{"<html>", "<stream>", "<stream:stream>", "<stream:stream xmlns:stream='urn:x'>", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>"} {
		if _, err := NewReader(strings.NewReader(bad), Limits{}).Open(); err == nil {
			t.Errorf("%s was taken for a stream header", bad)
		}
	}
	if _, err := NewReader(strings.NewReader("HTTP/1.1 400 Bad Request\r\n\r\n"), Limits{}).Open(); !errors.Is(err, io.EOF) {
		t.Errorf("no XML at all: %v", err)
	}
}

// What is too large is skipped, and can be answered; what follows is not hurt.
func TestReaderSkipsTooLarge(t *testing.T) {
	lim := Limits{MaxBytes: 1000}
	pad := strings.Repeat("y", 500_000)
	stream := testHead + `<message from='u@h' id='1'><body>` + pad + `</body><![CDATA[` + pad + `]]></message><message id='2'/>` +
		`<iq id='` + pad + `'/><message id='3'/><message id='4' a="/>"><a>` + strings.Repeat("<b>", 2000) + strings.Repeat("</b>", 2000) + `</a></message><message id='5'/>` +
		`<!-- ` + pad + ` --><message id='6'/>`
	want := []string{`TOO LARGE <message from='u@h' id='1'/>`, `<message id='2'/>`, `TOO LARGE `, `<message id='3'/>`, `TOO LARGE <message id='4' a="/>"/>`, `<message id='5'/>`, `<message id='6'/>`}
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(stream), "halves": iotest.HalfReader(strings.NewReader(stream)), "byte by byte": iotest.OneByteReader(strings.NewReader(stream))} {
		got, err := readFrames(r, lim)
		if !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	rd := NewReader(strings.NewReader(stream), lim)
	if _, err := rd.Open(); err != nil {
		t.Fatal(err)
	}
	_, err := rd.Next()
	var large *TooLarge
	if !errors.As(err, &large) || large.Size != len(`<message from='u@h' id='1'><body></body><![CDATA[]]></message>`)+2*len(pad) {
		t.Errorf("%v", err)
	}
	if len(large.Begin) != maxHead || !strings.HasPrefix(large.Begin, "<message from='u@h' id='1'><body>y") {
		t.Errorf("it begins with %q", large.Begin)
	}
	if len(large.Tail) != maxTail || !strings.HasSuffix(large.Tail, "y]]></message>") {
		t.Errorf("it ends with %q", large.Tail)
	}
}

func TestReaderGivesUp(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		want       error
	}{
		{"an element without end", "<message>" + strings.Repeat("<a>"+strings.Repeat("x", 1021), 70<<10), ErrLost},
		{"a document type", "<!DOCTYPE message><message/>", ErrDoctype},
		{"end of data", "<message>", io.EOF},
	} {
		if got, err := readFrames(strings.NewReader(testHead+tc.data), Limits{MaxBytes: 1000}); !errors.Is(err, tc.want) || len(got) > 0 {
			t.Errorf("%s: %.100q, %v", tc.name, got, err)
		}
	}
}
