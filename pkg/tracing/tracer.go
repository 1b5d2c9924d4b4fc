package tracing

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// Options are the options of a Tracer.
type Options struct {
	Endpoint string       // the URL of the collector, with its path
	Client   *http.Client // nil: http.DefaultClient
	Header   http.Header  // of every request
	Sample   float64      // the share of the traces that begin here that is recorded, from 0 to 1
	Service  string       // name of the service
	Version  string       // of the service; empty: unknown
	Log      *zap.Logger  // nil: none
}

// Tracer starts spans, and exports those that have ended. The nil Tracer starts nil spans.
type Tracer struct {
	bound uint64 // traces with a smaller number are recorded
	queue *queue
	exporter
}

// New returns a Tracer that exports until Stop.
func New(o Options) *Tracer {
	t := &Tracer{bound: uint64(o.Sample * (1 << 63)), queue: newQueue()}
	t.exporter.init(o, t.queue)
	go t.exporter.run()
	return t
}

// Start starts a span that began at a time. With a parent, which is of another program, it
// belongs to that trace, and is recorded if that is; else it begins a trace.
func (t *Tracer) Start(kind Kind, name string, when time.Time, parent Context) *Span {
	if t == nil {
		return nil
	}
	at := Context{Trace: parent.Trace, Span: newSpanID(), Sampled: parent.Sampled}
	if parent.IsZero() {
		at.Trace = newTraceID()
		at.Sampled = binary.BigEndian.Uint64(at.Trace[8:])>>1 < t.bound
	}
	return newSpan(t, at, parent, true, kind, name, when)
}

func newTraceID() (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1) // never 0
	return id
}

func newSpanID() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], max(1, rand.Uint64()))
	return id
}
