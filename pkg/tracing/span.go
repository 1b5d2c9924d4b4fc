package tracing

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kind is which side of a call a span is.
type Kind uint64

// The kinds, by their numbers in OTLP.
const (
	Client   Kind = 3
	Producer Kind = 4
	Consumer Kind = 5
)

// Fields of OTLP's messages (opentelemetry/proto/trace/v1/trace.proto and
// common/v1/common.proto).
const (
	spanTrace      protowire.Number = 1
	spanID         protowire.Number = 2
	spanParent     protowire.Number = 4
	spanName       protowire.Number = 5
	spanKind       protowire.Number = 6
	spanStart      protowire.Number = 7
	spanEnd        protowire.Number = 8
	spanAttributes protowire.Number = 9
	spanLinks      protowire.Number = 13
	spanStatus     protowire.Number = 15
	spanFlags      protowire.Number = 16

	linkTrace protowire.Number = 1
	linkSpan  protowire.Number = 2

	statusMessage protowire.Number = 2
	statusCode    protowire.Number = 3
	statusError                    = 2

	pairKey   protowire.Number = 1
	pairValue protowire.Number = 2
	valueText protowire.Number = 1
	valueInt  protowire.Number = 3

	flagSampled  = 0x001
	flagHasSide  = 0x100 // it is known whether the parent is remote
	flagIsRemote = 0x200
)

// maxText bounds the texts of a span, in bytes: some are of strangers.
const maxText = 256

// Span is something that takes time. Its methods may be called by several goroutines, and
// do nothing on the nil Span.
type Span struct {
	tracer *Tracer
	at     Context

	mu     sync.Mutex
	body   []byte // the fields of OTLP's Span that are known, encoded; nil: it is not recorded, or has ended
	failed bool
}

// newSpan begins the fields of a recorded span.
func newSpan(t *Tracer, at, parent Context, remote bool, kind Kind, name string, when time.Time) *Span {
	s := &Span{tracer: t, at: at}
	if !at.Sampled {
		return s
	}
	b := make([]byte, 0, 480)
	b = protowire.AppendBytes(protowire.AppendTag(b, spanTrace, protowire.BytesType), at.Trace[:])
	b = protowire.AppendBytes(protowire.AppendTag(b, spanID, protowire.BytesType), at.Span[:])
	flags := uint32(flagSampled | flagHasSide)
	if !parent.IsZero() {
		b = protowire.AppendBytes(protowire.AppendTag(b, spanParent, protowire.BytesType), parent.Span[:])
		if remote {
			flags |= flagIsRemote
		}
	}
	b = protowire.AppendFixed32(protowire.AppendTag(b, spanFlags, protowire.Fixed32Type), flags)
	b = protowire.AppendString(protowire.AppendTag(b, spanName, protowire.BytesType), name)
	b = protowire.AppendVarint(protowire.AppendTag(b, spanKind, protowire.VarintType), uint64(kind))
	s.body = appendTime(b, spanStart, when)
	return s
}

func appendTime(b []byte, field protowire.Number, when time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(when.UnixNano()))
}

// Context returns where the span is; zero for the nil Span.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return s.at
}

// Traceparent returns the header field for what is called by this span; empty for the nil
// Span.
func (s *Span) Traceparent() string {
	if s == nil {
		return ""
	}
	return s.at.String()
}

// Start starts a child that began at a time; nil for the nil Span.
func (s *Span) Start(kind Kind, name string, when time.Time) *Span {
	if s == nil {
		return nil
	}
	at := Context{Trace: s.at.Trace, Span: newSpanID(), Sampled: s.at.Sampled}
	return newSpan(s.tracer, at, s.at, false, kind, name, when)
}

// Text sets an attribute. A long text is cut.
func (s *Span) Text(key, value string) {
	if s == nil {
		return
	}
	value = short(value)
	s.add(func(b []byte) []byte {
		inner := 1 + protowire.SizeBytes(len(value))
		b = appendKey(b, key, inner)
		return protowire.AppendString(protowire.AppendTag(b, valueText, protowire.BytesType), value)
	})
}

// Int sets an attribute that is a number, which is not negative.
func (s *Span) Int(key string, n int) {
	if s == nil {
		return
	}
	s.add(func(b []byte) []byte {
		b = appendKey(b, key, 1+protowire.SizeVarint(uint64(n)))
		return protowire.AppendVarint(protowire.AppendTag(b, valueInt, protowire.VarintType), uint64(n))
	})
}

// appendKey appends an attribute up to its value, which takes so many bytes.
func appendKey(b []byte, key string, size int) []byte {
	b = protowire.AppendTag(b, spanAttributes, protowire.BytesType)
	return appendPair(b, key, size)
}

// appendPair appends a KeyValue with its length up to the content of its value, which takes
// so many bytes.
func appendPair(b []byte, key string, size int) []byte {
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(size)))
	b = protowire.AppendString(protowire.AppendTag(b, pairKey, protowire.BytesType), key)
	return protowire.AppendVarint(protowire.AppendTag(b, pairValue, protowire.BytesType), uint64(size))
}

// Link says that another span has to do with this one.
func (s *Span) Link(to Context) {
	if s == nil {
		return
	}
	s.add(func(b []byte) []byte {
		b = protowire.AppendTag(b, spanLinks, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(to.Trace))+1+protowire.SizeBytes(len(to.Span))))
		b = protowire.AppendBytes(protowire.AppendTag(b, linkTrace, protowire.BytesType), to.Trace[:])
		return protowire.AppendBytes(protowire.AppendTag(b, linkSpan, protowire.BytesType), to.Span[:])
	})
}

// Fail says that it failed, and why; the first reason counts.
func (s *Span) Fail(reason string) {
	if s == nil {
		return
	}
	reason = short(reason)
	s.add(func(b []byte) []byte {
		if s.failed {
			return b
		}
		s.failed = true
		b = protowire.AppendTag(b, spanStatus, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(reason))+1+1))
		b = protowire.AppendString(protowire.AppendTag(b, statusMessage, protowire.BytesType), reason)
		return protowire.AppendVarint(protowire.AppendTag(b, statusCode, protowire.VarintType), statusError)
	})
}

func (s *Span) add(field func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body != nil {
		s.body = field(s.body)
	}
}

// End ends the span now. Only the first end counts.
func (s *Span) End() { s.EndAt(time.Now()) }

// EndAt is End at a time.
func (s *Span) EndAt(when time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	body := s.body
	s.body = nil
	s.mu.Unlock()
	if body != nil {
		s.tracer.queue.add(appendTime(body, spanEnd, when))
	}
}

// short returns the beginning of a text, in valid UTF-8, as protobuf wants it.
func short(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
		for len(text) > 0 && !utf8.RuneStart(text[len(text)-1]) {
			text = text[:len(text)-1]
		}
		if n := len(text); n > 0 && text[n-1] >= utf8.RuneSelf {
			text = text[:n-1]
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
