package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"

	"stanzahook/pkg/loglimit"
)

const (
	exportEvery   = time.Second // how long a span waits for others
	exportTimeout = 10 * time.Second
	exportAgain   = time.Minute      // since the first attempt
	maxPause      = 15 * time.Second // between two attempts
	stopTimeout   = 2 * time.Second
	maxReply      = 64 << 10 // bytes that are read of an answer
)

// Counts are the spans since the start of the process, and the bytes that wait.
type Counts struct {
	Exported int64 // the collector has taken them
	Dropped  int64 // there was no room for them
	Failed   int64 // the collector has refused them, or was away for too long
	Queued   int   // bytes
}

// exporter sends batches to the collector, one after the other.
type exporter struct {
	o        Options
	queue    *queue
	head     []byte // of ResourceSpans: the resource
	scope    []byte // of ScopeSpans: the scope
	repeats  loglimit.Limiter
	exported atomic.Int64
	failed   atomic.Int64

	running  context.Context // until Stop
	stop     context.CancelFunc
	requests context.Context // until those in flight are aborted
	abort    context.CancelFunc
	done     chan struct{}
}

func (e *exporter) init(o Options, q *queue) {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	e.o, e.queue, e.done = o, q, make(chan struct{})
	e.running, e.stop = context.WithCancel(context.Background())
	e.requests, e.abort = context.WithCancel(context.Background())
	var resource []byte
	for _, pair := range [...][2]string{{"service.name", o.Service}, {"service.version", o.Version}} {
		if pair[1] != "" {
			size := 1 + protowire.SizeBytes(len(pair[1]))
			resource = appendPair(protowire.AppendTag(resource, 1, protowire.BytesType), pair[0], size)
			resource = protowire.AppendString(protowire.AppendTag(resource, valueText, protowire.BytesType), pair[1])
		}
	}
	e.head = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), resource)
	scope := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "stanzahook")
	e.scope = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), scope)
}

// Counts returns what became of the spans; zero for the nil Tracer.
func (t *Tracer) Counts() Counts {
	if t == nil {
		return Counts{}
	}
	return Counts{Exported: t.exported.Load(), Dropped: t.queue.dropped.Load(), Failed: t.failed.Load(), Queued: t.queue.size()}
}

// Stop exports what there is, in one attempt, and ends the Tracer: spans that end later are
// lost. It takes 2 s at most, and less if ctx ends.
func (t *Tracer) Stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, t.abort)()
	t.stop()
	<-t.done
	if b := t.queue.take(); b.n > 0 {
		_, err := t.attempt(ctx, b)
		t.conclude(b, err)
	}
}

// run exports batches until Stop.
func (e *exporter) run() {
	defer close(e.done)
	for lost := int64(0); ; {
		select {
		case <-e.queue.some:
		case <-e.running.Done():
			return
		}
		select {
		case <-time.After(exportEvery):
		case <-e.queue.full:
		case <-e.running.Done():
			return
		}
		if b := e.queue.take(); b.n > 0 {
			e.conclude(b, e.export(b))
			e.queue.giveBack(b)
			if n := e.queue.dropped.Load(); n > lost {
				e.repeats.Warn(e.o.Log, "spans dropped: the collector is too slow", zap.Int64("spans", n-lost))
				lost = n
			}
		}
	}
}

// export sends a batch, again where that is of use (OTLP section "Failures").
func (e *exporter) export(b batch) error {
	began, pause := time.Now(), time.Second
	for {
		ctx, cancel := context.WithTimeout(e.requests, exportTimeout)
		after, err := e.attempt(ctx, b)
		cancel()
		if err == nil || after < 0 || time.Since(began) > exportAgain || e.running.Err() != nil {
			return err
		}
		e.repeats.Warn(e.o.Log, "spans not exported; retrying", zap.Error(err))
		select {
		case <-time.After(min(maxPause, max(after, pause/2+rand.N(pause)))):
		case <-e.running.Done():
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// conclude counts a batch.
func (e *exporter) conclude(b batch, err error) {
	partly, some := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		e.exported.Add(int64(b.n))
		return
	case some:
		n := min(partly.n, int64(b.n))
		e.failed.Add(n)
		e.exported.Add(int64(b.n) - n)
	default:
		e.failed.Add(int64(b.n))
	}
	e.repeats.Warn(e.o.Log, "spans lost: not exported", zap.Int("spans", b.n), zap.Error(err))
}

// refusal is an answer by which the collector has refused some spans of a request.
type refusal struct {
	n    int64
	text string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the collector refused %d spans: %s", r.n, r.text)
}

// StatusError is an answer of HTTP by which the collector has refused a request.
type StatusError struct{ Status int }

func (e *StatusError) Error() string { return fmt.Sprintf("the collector answered HTTP %d", e.Status) }

// never is the wait before another attempt that would be of no use.
const never time.Duration = -1

// attempt makes one request. With an error it returns how long the collector wants to be left
// alone.
func (e *exporter) attempt(ctx context.Context, b batch) (after time.Duration, err error) {
	body := e.request(b)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return never, err
	}
	for name, values := range e.o.Header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := e.o.Client.Do(r)
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // without the URL, which may have a secret
	}
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	switch {
	case resp.StatusCode/100 == 2 && err != nil:
		return never, fmt.Errorf("read the answer of the collector: %w", err)
	case resp.StatusCode/100 == 2:
		return never, refused(answer)
	}
	err = &StatusError{resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second, err
	}
	return never, err
}

// request encodes an ExportTraceServiceRequest.
func (e *exporter) request(b batch) []byte {
	if b.n == 0 {
		return nil
	}
	spans := len(e.scope) + len(b.spans)
	resource := len(e.head) + 1 + protowire.SizeBytes(spans)
	body := make([]byte, 0, resource+16)
	body = protowire.AppendVarint(protowire.AppendTag(body, 1, protowire.BytesType), uint64(resource))
	body = append(body, e.head...)
	body = protowire.AppendVarint(protowire.AppendTag(body, 2, protowire.BytesType), uint64(spans))
	return append(append(body, e.scope...), b.spans...)
}

// refused returns what an ExportTraceServiceResponse says of spans that were refused; nil if
// all were taken, or nobody can tell.
func refused(answer []byte) error {
	r := &refusal{}
	eachField(answer, func(n protowire.Number, partial []byte, _ uint64) {
		if n != 1 {
			return
		}
		eachField(partial, func(n protowire.Number, text []byte, count uint64) {
			switch n {
			case 1:
				r.n = int64(min(count, 1<<62))
			case 2:
				r.text = short(string(text))
			}
		})
	})
	if r.n == 0 {
		return nil
	}
	return r
}

// eachField visits the fields of a message, up to one that cannot be read.
func eachField(message []byte, visit func(n protowire.Number, data []byte, number uint64)) {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return
		}
		message = message[size:]
		var data []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(n, kind, message)
		}
		if size < 0 {
			return
		}
		visit(n, data, number)
		message = message[size:]
	}
}

// Try asks a collector whether it takes spans, by a request with none.
func Try(ctx context.Context, o Options) error {
	e := &exporter{}
	e.init(o, newQueue())
	_, err := e.attempt(ctx, batch{})
	return err
}
