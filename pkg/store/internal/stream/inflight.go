package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// inFlight is how many records are under way at most, a power of two.
const inFlight = 1024

// Append is a record on its way into a stream.
type Append struct {
	Subject string // which says in which stream
	Data    []byte
	First   bool // gateway.ErrChanged if the subject has a record
	// Result is called once, with the place or why the record is not stored. The calls
	// come from one goroutine at a time, in the order of the appends, of all streams; of an
	// external server, of each stream.
	Result func(a *Append, seq uint64, err error)

	// What only Result needs.
	Owner string // whose share the record takes
	Size  int64  // of the share
	Done  func(seq uint64, err error)
}

// Append puts a record into its stream, at the same time as others. It waits only while
// very many are under way. It does not keep a.
//
// When one is refused because the disk has failed, all later ones are refused too, stored
// or not: so in each stream one place divides stored from refused records, and those
// behind it are removed before anything can be put again.
//
// An external server refuses none: what it does not answer is published again.
//
// Killed before Result: the record is lost if its stream had not written it, as if it
// had still been in the socket.
func (s *Server) Append(a *Append) {
	e := s.engine.Load()
	if e.remote != nil {
		e.remote.append(a)
		return
	}
	e.append(a)
}

// AppendWait is Append of a record whose sender waits, without Result. An external server has
// 5 s for it, or as long as ctx says.
//
// Errors: gateway.ErrFull, gateway.ErrChanged; errSilent: it may be stored or not, now or later.
//
// Killed before it returns: the record is stored or not.
func (s *Server) AppendWait(ctx context.Context, a Append) error {
	done := make(chan error, 1)
	e := s.engine.Load()
	if e.remote != nil {
		return e.remote.appendWait(ctx, &a, done)
	}
	a.Result = func(_ *Append, _ uint64, err error) { done <- err }
	e.append(&a)
	return <-done
}

// Wait returns when nothing is under way.
func (s *Server) Wait() {
	e := s.engine.Load()
	if e.remote != nil {
		for _, f := range e.remote.all() {
			f.wait()
		}
		return
	}
	e.window.wait()
}

// window holds the appends of an engine that are under way, and hands out their
// results in order. Each has a reply subject by its place in the window; the client
// library would make one, a timer and a channel for each publish, and reads its
// acknowledgement twice.
type window struct {
	e      *engine
	prefix string // of the reply subjects
	reply  [inFlight]string

	appending  sync.Mutex // held from taking a place to passing it on: both have one order
	mu         sync.Mutex
	list       [inFlight]pending
	head, tail uint64    // list[head%n:tail%n] are under way
	moved      sync.Cond // head has
	delivering bool      // results are being handed out
	broken     bool      // the engine is: what is under way gets no answer
	refused    bool      // an append was refused because the engine is broken: so are all that follow
	armed      bool      // late will be called
}

// pending is an append that is under way.
type pending struct {
	Append
	answered bool
	seq      uint64
	err      error
}

// newWindow returns the window of an engine; one that is held refuses everything until
// it is resumed.
func newWindow(e *engine, held bool) *window {
	w := &window{e: e, prefix: nats.NewInbox() + ".", broken: held}
	w.moved.L = &w.mu
	for i := range w.reply {
		w.reply[i] = w.prefix + strconv.Itoa(i)
	}
	return w
}

func (w *window) open(nc *nats.Conn) error {
	_, err := nc.Subscribe(w.prefix+"*", func(m *nats.Msg) {
		if place, err := strconv.Atoi(m.Subject[len(w.prefix):]); err == nil {
			seq, err := readAck(m)
			w.answer(uint64(place), seq, err)
		}
	})
	return err
}

// append hands a record to its stream. It waits for room in the window.
func (e *engine) append(a *Append) {
	w := e.window
	w.appending.Lock()
	w.mu.Lock()
	for w.tail-w.head == inFlight {
		w.moved.Wait()
	}
	place := w.tail % inFlight
	w.list[place] = pending{Append: *a}
	w.tail++
	if w.broken || e.broken.Load() {
		w.appending.Unlock()
		w.deliver() // it is refused here, or by fail, which is on its way
		w.mu.Unlock()
		return
	}
	w.arm()
	w.mu.Unlock()
	err := e.publish(a, w.reply[place])
	w.appending.Unlock() // before results are handed out: whoever gets one may append
	if err != nil {
		e.s.repeats.Warn(e.s.o.Log, "event not passed to the store", zap.Error(err))
		w.answer(place, 0, err)
	}
}

// publish sends a record to its stream, which answers to reply.
func (e *engine) publish(a *Append, reply string) error {
	if !a.First {
		return e.nc.PublishRequest(a.Subject, reply, a.Data)
	}
	return e.nc.PublishMsg(&nats.Msg{Subject: a.Subject, Reply: reply, Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}, Data: a.Data})
}

// readAck reads what a stream answers to a publish. Its usual answer, a JSON
// object with the stream and the place, is read without decoding it.
func readAck(m *nats.Msg) (seq uint64, err error) {
	if bytes.HasPrefix(m.Data, []byte(`{"stream":`)) {
		if _, digits, ok := bytes.Cut(m.Data, []byte(`"seq":`)); ok {
			n := 0
			for ; n < len(digits) && digits[n] >= '0' && digits[n] <= '9'; n++ {
				seq = seq*10 + uint64(digits[n]-'0')
			}
			if n > 0 && n < 20 && seq > 0 {
				return seq, nil
			}
		}
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
	}
	switch err := json.Unmarshal(m.Data, &ack); {
	case err != nil: // no stream answers: it is not there, or stopping
		return 0, errors.New("the stream does not answer " + m.Header.Get("Status"))
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Seq == 0:
		return 0, errors.New("the stream's answer has no place in it")
	}
	return ack.Seq, nil
}

func (w *window) answer(place, seq uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.list[place%inFlight]
	if p.Result == nil || p.answered {
		return // not under way
	}
	p.answered, p.seq, p.err = true, seq, err
	w.deliver()
}

// deliver hands out the known results in order. w.mu is held, but not while a result is
// handed out.
func (w *window) deliver() {
	if w.delivering {
		return
	}
	w.delivering = true
	for w.head < w.tail {
		place := &w.list[w.head%inFlight]
		if !place.answered && !w.broken {
			break
		}
		answered, seq, err := place.answered, place.seq, place.err
		w.mu.Unlock()
		w.result(&place.Append, answered, seq, err) // no other goroutine writes to these fields
		w.mu.Lock()
		*place = pending{}
		if w.head++; w.tail-w.head == inFlight-1 || w.head == w.tail {
			w.moved.Broadcast()
		}
	}
	w.delivering = false
}

// result hands out one result. w.refused belongs to the caller of deliver.
func (w *window) result(a *Append, answered bool, seq uint64, err error) {
	if w.refused || !answered {
		seq, err = 0, ErrBroken
	} else if err != nil {
		seq, err = 0, w.e.failure(err)
		if w.e.broken.Load() {
			err = ErrBroken
		}
	}
	w.refused = w.refused || err == ErrBroken
	a.Result(a, seq, err)
}

// resume lets a window that was held go on, and reports whether it can: it cannot if a
// write has failed meanwhile.
func (w *window) resume() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.head < w.tail { // then no result is being handed out
		w.moved.Wait()
	}
	if w.e.broken.Load() {
		return false
	}
	w.broken, w.refused = false, false
	w.e.held.Store(false)
	return true
}

// fail refuses all appends that are under way.
func (w *window) fail() {
	w.mu.Lock()
	w.broken = true
	w.deliver()
	w.mu.Unlock()
}

// wait returns when nothing is under way.
func (w *window) wait() {
	w.mu.Lock()
	for w.head < w.tail {
		w.moved.Wait()
	}
	w.mu.Unlock()
}

// arm makes a timer call late while appends are under way. w.mu is held.
func (w *window) arm() {
	if !w.armed && w.head < w.tail {
		w.armed = true
		head := w.head
		time.AfterFunc(putTimeout, func() { w.late(head) })
	}
}

// late checks whether the streams are silent: then a write has failed.
func (w *window) late(head uint64) {
	w.mu.Lock()
	w.armed = false
	silent := w.head == head && w.head < w.tail && !w.delivering
	w.arm()
	w.mu.Unlock()
	if silent {
		w.e.fail()
	}
}
