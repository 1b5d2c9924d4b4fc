package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// window holds the publishes of an engine that are under way, and hands out
// their results in the order in which they were published. Each has a reply
// subject by its place in the window; the client library would make one, a
// timer and a channel for each publish, and reads its acknowledgement twice.
//
// Killed: what the stream had not written by then is lost, as if it had still
// been in the socket.
type window struct {
	e      *engine
	prefix string // of the reply subjects
	reply  [publishWindow]string

	mu         sync.Mutex
	list       [publishWindow]publication
	head, tail uint64    // list[head%n:tail%n] are under way
	moved      sync.Cond // head has
	settling   bool      // somebody hands out results
	broken     bool      // the engine is: what is under way gets no answer
	armed      bool      // late will be called
}

// publication is an event on its way into its stream.
type publication struct {
	waiting
	answered bool
	seq      uint64
	err      error
}

func (e *engine) openWindow() error {
	w := &window{e: e, prefix: nats.NewInbox() + "."}
	w.moved.L = &w.mu
	for i := range w.reply {
		w.reply[i] = w.prefix + strconv.Itoa(i)
	}
	e.window = w
	_, err := e.nc.Subscribe(w.prefix+"*", func(m *nats.Msg) {
		if place, err := strconv.Atoi(m.Subject[len(w.prefix):]); err == nil {
			seq, err := readAck(m)
			w.answer(uint64(place), seq, err)
		}
	})
	return err
}

// publish hands an event to its stream. It waits for room in the window.
func (e *engine) publish(p waiting) {
	w := e.window
	w.mu.Lock()
	for w.tail-w.head == publishWindow {
		w.moved.Wait()
	}
	place := w.tail % publishWindow
	w.list[place] = publication{waiting: p}
	w.tail++
	if w.broken || e.broken.Load() {
		w.settle() // what is broken is refused here, or by fail, which is on its way
		w.mu.Unlock()
		return
	}
	w.arm()
	w.mu.Unlock()
	if err := e.nc.PublishRequest(p.subject, w.reply[place], p.data); err != nil {
		e.repeats.Warn(e.log, "an event could not be handed to the store", zap.Error(err))
		w.answer(place, 0, err)
	}
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
	p := &w.list[place%publishWindow]
	if p.done == nil || p.answered {
		return // not under way
	}
	p.answered, p.seq, p.err = true, seq, err
	w.settle()
}

// settle hands out the results that are there; w.mu is held, but not while a
// result is handed out.
func (w *window) settle() {
	if w.settling {
		return
	}
	w.settling = true
	for w.head < w.tail {
		place := &w.list[w.head%publishWindow]
		if !place.answered && !w.broken {
			break
		}
		p := *place
		w.mu.Unlock()
		w.e.settle(&p)
		p.q.pending.Add(-1)
		w.mu.Lock()
		*place = publication{}
		if w.head++; w.tail-w.head == publishWindow-1 || w.head == w.tail {
			w.moved.Broadcast()
		}
	}
	w.settling = false
}

// settle hands out the result of a publish. When one is refused because the
// disk has failed, all later ones are, whatever became of them: so what is
// stored and what is not is divided by one place in each queue, and what lies
// behind it is removed before the store takes anything again.
func (e *engine) settle(p *publication) {
	switch {
	case e.refused || !p.answered:
	case p.err == nil:
		p.q.s.held.Add(int64(len(p.data)))
		p.q.stored(p.seq, p.owed)
		p.done(p.seq, nil)
		return
	default:
		if err := e.failure(p.err); !e.broken.Load() {
			p.q.s.Senders.Give(p.owed.sender, p.owed.size)
			p.done(0, err)
			return
		}
	}
	e.refused = true
	p.q.s.Senders.Give(p.owed.sender, p.owed.size)
	p.done(0, errBroken)
}

// fail gives up what is under way.
func (w *window) fail() {
	w.mu.Lock()
	w.broken = true
	w.settle()
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

// arm sees to it that late is called while something is under way; w.mu is
// held.
func (w *window) arm() {
	if !w.armed && w.head < w.tail {
		w.armed = true
		head := w.head
		time.AfterFunc(publishTimeout, func() { w.late(head) })
	}
}

// late looks whether the stream is silent: a write failed then.
func (w *window) late(head uint64) {
	w.mu.Lock()
	w.armed = false
	silent := w.head == head && w.head < w.tail && !w.settling
	w.arm()
	w.mu.Unlock()
	if silent {
		w.e.fail()
	}
}
