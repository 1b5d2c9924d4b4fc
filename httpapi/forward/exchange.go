package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/replica"
)

// exchange is a request with what has become of it.
type exchange struct {
	*Forward
	w    http.ResponseWriter
	r    *http.Request
	body []byte
	once *reader // a body that can be sent only once; nil: it is body

	outcome string
	until   time.Time   // for how long it may be held
	held    bool        // it was, and comes with all the others that were
	crowded bool        // the active replica has refused it for that
	sent    bool        // an attempt had no answer: it may have been done
	events  atomic.Bool // the answer is a stream of events
}

func newExchange(f *Forward, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{Forward: f, w: w, r: r, outcome: cut} // which a panic leaves behind
	body, whole := httpapi.Whole(r)
	if x.body = body; !whole {
		x.once = &reader{Reader: r.Body}
	}
	return x
}

// result is what has become of an attempt.
type result int

const (
	done      result = iota // the caller has the answer, or has gone
	untouched               // the replica has not got the request, or has done nothing
	unknown                 // it has no answer
	running                 // it says that an attempt before is in progress
	crowd                   // it says that the caller has too many requests, which were held here
)

// errStopped is why a request that is held ends when this process stops.
var errStopped = errors.New("this replica stops")

// run sends the request until it has an answer, or there is nothing to send it to.
func (x *exchange) run() {
	var last *replica.Serving
	for x.until = time.Now().Add(x.o.Hold); ; {
		to, err := x.await(last)
		switch {
		case x.r.Context().Err() != nil:
			x.end(gone, nil)
			return
		case err != nil && x.sent:
			x.end(lost, x.lostFault(last))
			return
		case err != nil:
			x.end(unavailable, x.noneFault(err, last))
			return
		case to.Advertise == "" && !to.Me:
			x.end(unavailable, unadvertised(&to))
			return
		}
		switch x.attempt(&to) {
		case done:
			return
		case unknown:
			if x.sent || !x.mayRepeat() {
				x.end(lost, x.lostFault(&to))
				return
			}
			x.sent, x.until = true, time.Now().Add(x.o.Hold)
		case crowd:
			if !x.crowded {
				x.crowded, x.until = true, time.Now().Add(x.o.Hold)
			}
		case untouched, running:
		}
		last = &to
		if x.once != nil && x.once.begun.Load() {
			x.end(unavailable, unavailableFault("the active replica changes, and the body is too large to be kept here; send the request again"))
			return
		}
	}
}

// await waits for a replica, as long as the request may be held. Errors: errStopped, that of the
// request's context, and context.DeadlineExceeded.
func (x *exchange) await(last *replica.Serving) (replica.Serving, error) {
	ctx, cancel := context.WithDeadline(x.r.Context(), x.until)
	defer cancel()
	now, end := context.WithCancel(ctx)
	end()
	if to, err := x.o.Active(now, last); err == nil && ctx.Err() == nil && x.stopping.Err() == nil {
		return to, nil
	}
	x.held = true
	httpapi.Held(x.r.Context())
	defer context.AfterFunc(x.stopping, cancel)()
	to, err := x.o.Active(ctx, last)
	switch {
	case x.stopping.Err() != nil:
		err = errStopped
	case err == nil: // signs of life may come, and no answer
		err = ctx.Err()
	}
	return to, err
}

// mayCrowd reports whether a refusal for too many requests may be answered by another attempt: the
// request was held here, with others of its caller, and all of them come at once. Near the end
// of the time the caller gets the refusal.
func (x *exchange) mayCrowd() bool {
	return x.held && x.once == nil && (!x.crowded || time.Until(x.until) > x.o.Hold/4)
}

// mayRepeat reports whether a request may be sent again that may have been done.
func (x *exchange) mayRepeat() bool {
	return (x.once == nil || !x.once.begun.Load()) && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead || x.o.Repeatable(x.r))
}

func (x *exchange) end(outcome string, f *httpapi.Fault) {
	x.outcome = outcome
	if f != nil {
		httpapi.Refuse(x.w, x.r, f)
	}
}

// noneFault is the answer if nothing was sent.
func (x *exchange) noneFault(err error, last *replica.Serving) *httpapi.Fault {
	switch {
	case errors.Is(err, errStopped):
		return unavailableFault("this replica stops; ask another one")
	case last != nil:
		return unavailableFault("the active replica %s does not take requests at %s; see its log, and replica.advertise in its configuration", last.Replica, last.Advertise)
	}
	return unavailableFault("no replica is active; see /readyz")
}

// unadvertised is why a replica cannot be reached that does not say where it is.
func unadvertised(to *replica.Serving) *httpapi.Fault {
	return unavailableFault("other replicas cannot reach the active one, %s: set replica.advertise in its configuration, as it listens on loopback, or on all addresses", to.Replica)
}

// lostFault is the answer if the request may have been done.
func (x *exchange) lostFault(last *replica.Serving) *httpapi.Fault {
	f := &httpapi.Fault{Status: http.StatusBadGateway, Text: fmt.Sprintf("the active replica %s has not answered: it may have been done; ", last.Replica)}
	if x.o.Repeatable(x.r) {
		f.Text += "repeat the request with the same Idempotency-Key"
	} else {
		f.Text += "look whether it was, or repeat requests with an Idempotency-Key, or the same stanza id"
	}
	return f
}

// reader notes whether anything was read.
type reader struct {
	io.Reader
	begun atomic.Bool
}

// Read implements io.Reader.
func (b *reader) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.Reader.Read(p)
}
