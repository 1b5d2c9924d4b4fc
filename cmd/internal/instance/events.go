package instance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxSSELine bounds one line of a stream.
const maxSSELine = 1 << 20

// Event is one event of a stream (WHATWG HTML, server-sent events). Its JSON is
// what "tail --json" prints.
type Event struct {
	Event string          `json:"event"`
	ID    string          `json:"id"`
	Data  json.RawMessage `json:"data"`
}

// readStream calls on with every event of a stream, and alive with every line, until the
// stream ends.
func readStream(r io.Reader, alive func(), on func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxSSELine)
	var e Event
	for lines.Scan() {
		alive()
		if len(lines.Bytes()) == 0 { // the end of an event
			if e.Data != nil {
				if e.Event == "" {
					e.Event = "message"
				}
				if !json.Valid(e.Data) {
					return errors.New("an event of the stream is not JSON; is this stanzahook?")
				}
				if err := on(e); err != nil {
					return err
				}
			}
			e = Event{ID: e.ID}
			continue
		}
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			e.Event = value
		case "id":
			e.ID = value
		case "data":
			if e.Data != nil {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, bytes.TrimSpace([]byte(value))...)
		}
	}
	return lines.Err()
}
