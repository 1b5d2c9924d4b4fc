package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Files returns the file that an answer to an event names. It may wait until a file is
// uploaded. Errors: a [*NotNow] if the same answer may be right later.
type Files func(ev *Event, wish message.FileWish) (message.File, error)

// NotNow wraps why a file of an answer cannot be sent now. A queued event is tried again.
type NotNow struct{ Err error }

func (e *NotNow) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotNow) Unwrap() error { return e.Err }

// several makes the replies of one JSON value: one, or with files one for each and one for the
// rest, which goes first. Nothing is sent if a file cannot be had.
//
// Killed while a file is uploaded: the event is delivered again, and so is its answer.
func (r *replier) several(data []byte) ([]*stanza.Stanza, error) {
	if r.e.Files == nil || data[0] != '{' || !bytes.Contains(data, []byte(`"files"`)) {
		return one(r.threaded(r.value(data)))
	}
	var m members
	if json.Unmarshal(data, &m) != nil {
		return nil, notObject(data)
	}
	if !m.has("files") || r.ev.Stanza.Kind != stanza.Message {
		return one(r.threaded(r.value(data)))
	}
	wishes, err := message.ReadFiles(m["files"])
	if err != nil {
		return nil, err
	}
	found := make([]message.File, len(wishes))
	for i, w := range wishes {
		if found[i], err = r.e.Files(r.ev, w); err != nil {
			return nil, fmt.Errorf("files[%d]: %w", i, err)
		}
	}
	delete(m, "files")
	replies, err := r.remainder(m)
	if err != nil {
		return nil, err
	}
	for i := range found {
		s, err := r.threaded(r.build(stanza.Header{Kind: stanza.Message}, found[i].XML()))
		if err != nil {
			return nil, err
		}
		replies = append(replies, s)
	}
	return replies, nil
}

// remainder makes the reply of an object without its files.
func (r *replier) remainder(m members) ([]*stanza.Stanza, error) {
	if len(m) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return one(r.threaded(r.value(data)))
}

// notNow returns the verdict on an answer whose files cannot be sent now.
func notNow(e *Endpoint, err error) (Verdict, bool) {
	if _, ok := errors.AsType[*NotNow](err); !ok || !e.Queued {
		return Verdict{}, false
	}
	return Verdict{Outcome: Again, Err: unreadable(), Reason: err.Error()}, true
}
