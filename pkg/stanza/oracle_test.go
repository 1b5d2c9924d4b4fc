package stanza

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The oracle: what encoding/xml makes of the same bytes.

const testHead = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>"

// oracleParse reads one element, as it may stand in a stream.
func oracleParse(raw string) (*Element, error) {
	d := xml.NewDecoder(strings.NewReader(testHead + raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	token, err := d.Token()
	for err == nil {
		switch t := token.(type) {
		case xml.StartElement:
			e, err := oracleElement(d, t)
			if err == nil && int(d.InputOffset()) != len(testHead)+len(raw) {
				err = errors.New("something behind the end")
			}
			return e, err
		case xml.EndElement:
			return nil, errors.New("no element")
		}
		token, err = d.Token()
	}
	return nil, err
}

// oracleElement reads the rest of an element.
func oracleElement(d *xml.Decoder, start xml.StartElement) (*Element, error) {
	e := &Element{Space: start.Name.Space, Local: start.Name.Local}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
			e.Attrs = append(e.Attrs, Attr{Space: a.Name.Space, Local: a.Name.Local, Value: a.Value})
		}
	}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := oracleElement(d, t)
			if err != nil {
				return nil, err
			}
			e.Children = append(e.Children, *child)
		case xml.CharData:
			e.Text += string(t)
		case xml.EndElement:
			return e, nil
		}
	}
}

// oracleFrames returns the top-level elements before the first error.
func oracleFrames(stream string) []string {
	d := xml.NewDecoder(strings.NewReader(stream))
	var frames []string
	depth, begin := 0, int64(0)
	for {
		at := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			return frames
		}
		switch t.(type) {
		case xml.StartElement:
			if depth == 1 {
				begin = at
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 1 {
				frames = append(frames, stream[begin:d.InputOffset()])
			}
			if depth <= 0 {
				return frames
			}
		}
	}
}

// readFrames returns what Reader makes of the stream, up to its first error.
func readFrames(r io.Reader, lim Limits) (frames []string, err error) {
	rd := NewReader(r, lim)
	if _, err := rd.Open(); err != nil {
		return nil, err
	}
	for {
		f, err := rd.Next()
		var large *TooLarge
		switch {
		case errors.As(err, &large):
			frames = append(frames, "TOO LARGE "+large.Head)
		case err != nil:
			return frames, err
		default:
			frames = append(frames, string(f))
		}
	}
}
