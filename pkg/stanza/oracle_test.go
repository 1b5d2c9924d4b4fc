package stanza

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The oracle: what encoding/xml makes of the same bytes.

const testHead = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>"

type oracleChild struct{ space, local, text string }

type oracleStanza struct {
	space, local string
	attrs        map[string]string
	children     []oracleChild
	depth        int
}

// oracleParse reads one element the slow way.
func oracleParse(raw string) (*oracleStanza, error) {
	d := xml.NewDecoder(strings.NewReader(testHead + raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var o *oracleStanza
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			switch depth {
			case 1:
				if o != nil {
					return nil, errors.New("a second element")
				}
				o = &oracleStanza{space: t.Name.Space, local: t.Name.Local, attrs: map[string]string{}}
				for _, a := range t.Attr {
					switch {
					case a.Name.Space == "":
						o.attrs[a.Name.Local] = a.Value
					case a.Name.Local == "lang" && a.Name.Space == NSXML:
						o.attrs["xml:lang"] = a.Value
					}
				}
			case 2:
				o.children = append(o.children, oracleChild{space: t.Name.Space, local: t.Name.Local})
			}
			o.depth = max(o.depth, depth)
		case xml.CharData:
			if depth == 2 {
				o.children[len(o.children)-1].text += string(t)
			}
		case xml.EndElement:
			depth--
			if depth == 0 {
				if int(d.InputOffset()) != len(testHead)+len(raw) {
					return nil, errors.New("something behind the end")
				}
				return o, nil
			}
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
