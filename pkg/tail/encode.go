package tail

import (
	"encoding/json"
	"strconv"
	"time"
)

// frame is an event as it is shown. It is made when the first reader shows the event.
type frame struct {
	slot
	full, limited []byte
}

// frame returns the frame of an event; nil if it is not in the ring any more. t.encoding
// is held.
func (t *Tail) frame(id uint64) *frame {
	if t.frames == nil {
		t.frames = make([]frame, Kept)
	}
	f := &t.frames[id%Kept]
	if f.id == id {
		return f
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.slots[id%remembered]
	if s.id != id {
		return nil
	}
	s.copyTo(&f.slot)
	f.full, f.limited = empty(f.full), empty(f.limited)
	return f
}

// shown returns the bytes for a reader.
func (f *frame) shown(limited bool, public func(string) string) []byte {
	if limited {
		if len(f.limited) == 0 {
			f.limited = f.append(f.limited, public)
		}
		return f.limited
	}
	if len(f.full) == 0 {
		f.full = f.append(f.full, nil)
	}
	return f.full
}

func (f *frame) append(b []byte, public func(string) string) []byte {
	b = strconv.AppendUint(append(b, "id: "...), f.id, 10)
	b = append(append(b, "\nevent: "...), f.kind.String()...)
	b = time.UnixMicro(f.at).UTC().AppendFormat(append(b, "\ndata: "...), `{"time":"2006-01-02T15:04:05.000000Z"`)
	if public == nil {
		public = func(reason string) string { return reason }
	}
	return append(f.slot.append(b, public), "}\n\n"...)
}

// append appends all of an event but its time.
func (s *slot) append(b []byte, public func(string) string) []byte {
	switch v := s.data.(type) {
	case Link:
		b = text(text(b, "component", v.Component), "state", v.State)
		return optional(b, "reason", v.Reason)
	case Endpoint:
		b = text(text(b, "endpoint", v.Endpoint), "state", v.State)
		return optional(b, "reason", public(v.Reason))
	case Roster:
		b = text(text(b, "user", v.User), "result", v.Result)
		return optional(b, "detail", v.Detail)
	case Outbox:
		b = number(text(b, "component", v.Component), "count", int64(v.Count))
		return number(b, "bytes", v.Bytes)
	case Room:
		b = text(text(text(b, "room", v.Room), "from", v.From), "state", v.State)
		return optional(b, "condition", v.Condition)
	case Hook:
		b = text(text(text(b, "hook", v.Hook), "adapter", v.Adapter), "result", v.Result)
		return number(b, "messages", int64(v.Messages))
	case Command:
		b = text(text(text(b, "command", v.Command), "from", v.From), "bot", v.Bot)
		b = number(text(optional(b, "room", v.Room), "by", v.By), "step", int64(v.Step))
		b = milliseconds(text(optional(b, "endpoint", v.Endpoint), "result", v.Result), "ms", v.Took)
		return optional(b, "reason", public(v.Reason))
	case Request:
		b = text(text(optional(b, "token", v.Token), "method", v.Method), "route", v.Route)
		return milliseconds(number(b, "status", int64(v.Status)), "ms", v.Took)
	}
	b = optional(text(b, "id", string(s.of(idText))), "endpoint", string(s.of(endpointText)))
	b = text(text(b, "state", string(s.of(stateText))), "type", string(s.of(typeText)))
	b = text(text(b, "from", string(s.of(fromText))), "to", string(s.of(toText)))
	if s.n == 0 {
		b = append(b, `,"attempt":null`...)
	} else {
		b = strconv.AppendInt(append(b, `,"attempt":{"n":`...), int64(s.n), 10)
		if s.status == 0 {
			b = append(b, `,"status":null`...)
		} else {
			b = number(b, "status", int64(s.status))
		}
		b = milliseconds(b, "duration_ms", s.took)
		b = optional(b, "error", public(string(s.of(errorText))))
		b = append(optional(b, "note", public(string(s.of(noteText)))), '}')
	}
	return optional(b, "reason", public(string(s.of(reasonText))))
}

// appendGap appends the event gap. Its id is that of the event before those that follow,
// so that a reader which ends here does not miss them again.
func appendGap(b []byte, g *gap) []byte {
	b = strconv.AppendUint(append(b, "id: "...), g.before, 10)
	b = strconv.AppendUint(append(b, "\nevent: gap\ndata: {\"lost\":"...), g.lost, 10)
	return append(b, "}\n\n"...)
}

// text appends a member of an object.
func text(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(value) // of a string: it does not fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), value...), '"')
}

// optional is text; an empty value is null.
func optional(b []byte, name, value string) []byte {
	if value == "" {
		return append(append(append(b, `,"`...), name...), `":null`...)
	}
	return text(b, name, value)
}

func number(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(append(append(b, `,"`...), name...), `":`...), n, 10)
}

func milliseconds(b []byte, name string, d time.Duration) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', -1, 64)
}
