package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"stanzahook/pkg/document"
	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
)

// How an answer that is written bit by bit reaches the sender.
const (
	StreamFinal = "final" // as typing, and then as one message
	StreamEdits = "edits" // as a message that is corrected while it grows
)

const (
	mediaStream = "text/event-stream"
	mediaLines  = "application/x-ndjson"

	// maxStream bounds the bytes of a streamed answer, most of which are JSON around its words;
	// the text in it may have maxAnswer.
	maxStream = 16 << 20
	// StreamTime bounds how long an answer may be written. Between two parts of it, and before
	// the first one, counts the timeout of the endpoint.
	StreamTime = 5 * time.Minute
	// streamKept is how much of a streamed answer is kept as it came, for people to look at.
	streamKept = 4096
)

func isStream(mediaType string) bool { return mediaType == mediaStream || mediaType == mediaLines }

// streamed is the text of an answer that is written bit by bit: server-sent events (WHATWG
// HTML section 9.2), or a line for each object (application/x-ndjson). A line of events ends
// with LF, CRLF or CR (section 9.2.6), and the first one may have a byte order mark before it.
// An object has delta (more text), body (the whole text in place of what was written), done,
// or is a chunk of OpenAI's chat completions. A JSON string is a delta.
type streamed struct {
	lines   bool // and no events
	begun   bool // a line was read
	cr      bool // the last line ended with CR: a LF behind it belongs to that
	rest    []byte
	data    []byte // of the event that is read
	hasData bool
	text    []byte
	same    int // of its bytes, which are as progress had them
	ended   bool
	err     error
	ignored int // objects without a known key
}

// Progress gets the text of an answer so far, which is good until it returns. The first same bytes
// are as it had them before: an answer of many small parts would take time by the square of its
// length, if each of them was one of the whole text.
type Progress func(text []byte, same int)

var errLongText = errors.New("the text of the streamed answer is longer than 1 MiB")

// Write reads more of the stream. It never fails: see err.
func (s *streamed) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && s.err == nil && !s.ended {
		if s.cr {
			s.cr = false
			if p = bytes.TrimPrefix(p, []byte("\n")); len(p) == 0 {
				break
			}
		}
		i := s.lineEnd(p)
		if i < 0 {
			s.rest = append(s.rest, p...)
			if len(s.rest) > maxAnswer {
				s.err = errLongAnswer
			}
			break
		}
		line := p[:i]
		if len(s.rest) > 0 {
			line = append(s.rest, line...)
			s.rest = s.rest[:0]
		}
		s.cr = p[i] == '\r'
		p = p[i+1:]
		s.line(line)
	}
	return n, nil
}

// lineEnd returns where the first line ends; negative if it does not yet. Among lines of JSON a
// CR alone ends none: it is a blank there.
func (s *streamed) lineEnd(p []byte) int {
	if s.lines {
		return bytes.IndexByte(p, '\n')
	}
	return bytes.IndexAny(p, "\r\n")
}

// end reads what has no line break behind it.
func (s *streamed) end() {
	if s.ended || s.err != nil {
		return
	}
	s.line(s.rest)
	s.rest = nil
	if !s.ended {
		s.dispatch()
	}
}

func (s *streamed) line(line []byte) {
	if !s.begun {
		s.begun, line = true, document.Unmarked(line)
	}
	if s.lines {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			s.object(line)
		}
		return
	}
	if len(line) == 0 {
		s.dispatch()
		return
	}
	if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
		if s.hasData {
			s.data = append(s.data, '\n')
		}
		s.hasData = true
		if s.data = append(s.data, bytes.TrimPrefix(data, []byte(" "))...); len(s.data) > maxAnswer {
			s.err = errLongAnswer
		}
	}
}

// dispatch reads the event that has ended.
func (s *streamed) dispatch() {
	data := bytes.TrimSpace(s.data)
	s.data, s.hasData = s.data[:0], false
	if len(data) > 0 {
		s.object(data)
	}
}

// object reads the data of an event, or a line.
func (s *streamed) object(data []byte) {
	if string(data) == "[DONE]" {
		s.ended = true
		return
	}
	var v struct {
		Delta   json.RawMessage // a string; of others {"text":"…"}
		Body    *string
		Done    bool
		Error   json.RawMessage
		Choices []struct {
			Index int
			Delta struct{ Content *string }
		}
	}
	if data[0] == '"' {
		v.Delta = data
	} else if err := json.Unmarshal(data, &v); err != nil {
		s.err = fmt.Errorf(`the streamed answer has no object such as {"delta":"…"} in it: %w`, err)
		return
	}
	switch {
	case len(v.Error) > 0 && string(v.Error) != "null":
		s.err = fmt.Errorf("the streamed answer ended with an error: %.200s", v.Error)
	case v.Body != nil:
		s.text, s.same = append(s.text[:0], *v.Body...), 0
	case v.Delta != nil:
		s.delta(v.Delta)
	case v.Choices != nil:
		for _, c := range v.Choices {
			if c.Index == 0 && c.Delta.Content != nil {
				s.text = append(s.text, *c.Delta.Content...)
			}
		}
	case !v.Done:
		s.ignored++
	}
	s.ended = s.ended || v.Done
	if len(s.text) > maxAnswer && s.err == nil {
		s.err = errLongText
	}
}

// delta adds more text.
func (s *streamed) delta(data []byte) {
	var text string
	var part struct{ Text string }
	switch {
	case json.Unmarshal(data, &text) == nil:
		s.text = append(s.text, text...)
	case json.Unmarshal(data, &part) == nil && part.Text != "":
		s.text = append(s.text, part.Text...)
	default:
		s.ignored++
	}
}

// readStream reads a streamed answer of success whose head has been read. extend moves the
// deadline of the next read; progress, which may be nil, is told of the text: see Client.OnStream.
func readStream(resp *http.Response, a *Answer, extend func(), progress Progress) (*Answer, error) {
	s := &streamed{lines: a.MediaType == mediaLines}
	until := time.Now().Add(StreamTime)
	buffer := make([]byte, 16<<10)
	for total := 0; !s.ended && s.err == nil; {
		n, err := resp.Body.Read(buffer)
		total += n
		a.Body = append(a.Body, buffer[:min(n, streamKept-len(a.Body))]...)
		before := len(s.text)
		_, _ = s.Write(buffer[:n]) // it never fails
		if coding, bad := errors.AsType[*outbound.CodingError](err); bad {
			a.Unread = coding
			return a, nil
		}
		switch {
		case err == io.EOF:
			s.end()
		case err != nil:
			return nil, fmt.Errorf("read the answer: %w", err)
		case total > maxStream:
			s.err = errors.New("the streamed answer is longer than 16 MiB")
		case time.Now().After(until):
			s.err = fmt.Errorf("the streamed answer took longer than %v", StreamTime)
		}
		if len(s.text) != before && progress != nil && s.err == nil {
			progress(s.text, s.same)
			s.same = len(s.text)
		}
		if err == io.EOF {
			break
		}
		extend()
	}
	a.stream = s
	return a, nil
}

// streamedText returns the text of a streamed answer, however it was read.
func (a *Answer) streamedText() (string, error) {
	s := a.stream
	if s == nil { // all of it was there at once
		s = &streamed{lines: a.MediaType == mediaLines}
		_, _ = s.Write(a.Body) // it never fails
		s.end()
	}
	text := strings.TrimSpace(string(s.text))
	if s.err == nil && text == "" && s.ignored > 0 {
		a.note.NoReply = `the streamed answer has no text in it: write {"delta":"…"} or {"body":"…"}`
	}
	return text, s.err
}

// watch is who is told of an answer that is written bit by bit; the zero watch reads it as any
// other.
type watch struct {
	c  *Client
	ev *Event
}

// watch returns that of a request for one event: the answer to a batch is an array.
func (c *Client) watch(ev *Event) watch {
	if c.e.Format != FormatEvent || c.e.Batch > 1 || ev.Data != nil || !answerable(ev.Stanza) {
		return watch{}
	}
	return watch{c, ev}
}

// begin is called when the head of such an answer was read.
func (by watch) begin() Progress {
	if by.c.OnStream == nil {
		return nil
	}
	return by.c.OnStream(by.ev)
}

// WritesTo reports whether an answer to an event is shown while it is written: as
// [Endpoint.ShowsTyping], whatever Typing.After is.
func (e *Endpoint) WritesTo(ev *Event, now time.Time) bool {
	shown := *e
	shown.Typing.After = max(shown.Typing.After, 1)
	return shown.ShowsTyping(ev, now)
}

// Written returns the message of an answer to an event with a text. It has the id of the
// first reply.
func (e *Endpoint) Written(ev *Event, text string) (*stanza.Stanza, error) {
	replies, err := eventReplies(e, ev, &Answer{Status: http.StatusOK, MediaType: mediaText, Type: mediaText + "; charset=utf-8", Body: []byte(text)})
	if err != nil {
		return nil, err
	}
	if len(replies) != 1 {
		return nil, errors.New("no reply is made of the text")
	}
	return replies[0], nil
}

// Rewritten returns a correction of such a message with another text (XEP-0308).
func (e *Endpoint) Rewritten(ev *Event, first *stanza.Stanza, text, id string) (*stanza.Stanza, error) {
	var d message.Draft
	if err := d.About(message.Correction, message.Sent(first, false).String()); err != nil {
		return nil, err
	}
	clean, _ := document.CleanString(text)
	inner, _, err := d.Write(message.Sent(first, false), stanza.TextElement("body", clean), "")
	if err != nil {
		return nil, err
	}
	if c, ok := first.Child("", "thread"); ok {
		inner += stanza.TextElement("thread", first.ChildText(c))
	}
	h := first.Header
	h.ID = id
	s, err := stanza.Build(h, inner+message.Origin(id, inner), e.Limits)
	if err != nil {
		return nil, err
	}
	return s, checkReply(ev, s)
}
