package v1

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Requests stores the requests that have an Idempotency-Key, for 24 hours.
type Requests interface {
	// Begin stores a request under a new key and returns after it is on disk, or
	// returns what is stored under the key. Errors: gateway.ErrFull.
	Begin(ctx context.Context, key string, r store.IdempotentRequest) (stored store.IdempotentRequest, created bool, err error)
	// End stores the answer of a request. Errors: gateway.ErrFull.
	End(ctx context.Context, key string, r store.IdempotentRequest) error
}

// The header is that of draft-ietf-httpapi-idempotency-key-header. It is a quoted string
// there; most callers omit the quotes, so they are optional here.
const (
	keyHeader    = "Idempotency-Key"
	replayHeader = "Idempotency-Replayed" // true: the answer is that of an earlier request
	maxKey       = 255
)

// idempotencyKey returns the key of a request, or "".
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values(keyHeader)
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if inner, ok := strings.CutPrefix(key, `"`); ok && len(inner) > 1 && strings.HasSuffix(inner, `"`) {
		key = strings.TrimSuffix(inner, `"`)
	}
	odd := strings.IndexFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) >= 0
	if len(values) > 1 || key == "" || len(key) > maxKey || odd {
		return "", wrongf("%s: write it once, with 1 to %d printable ASCII characters", keyHeader, maxKey)
	}
	return key, nil
}

// Keyed reports whether a request has an Idempotency-Key, and is for a route where that counts: it may
// be sent again, and is done once.
func Keyed(r *http.Request) bool {
	key, err := idempotencyKey(r)
	path := r.URL.Path
	return err == nil && key != "" && (path == "/v1/messages" || strings.HasPrefix(path, "/v1/messages/") || path == "/v1/presence" || path == "/v1/iq")
}

// InProgress has the requests in progress that have a key. The APIs of two configurations
// share one, so that a reload does not let a request through twice. The zero InProgress
// is ready to use.
type InProgress struct{ hashes sync.Map } // by key

// idempotent serves each request with a key only once.
type idempotent struct {
	requests Requests
	running  *InProgress
	log      *zap.Logger
}

// serve sends a stanza and answers. A request whose key was answered before gets the
// same answer.
//
// Killed before the key is stored: nothing was sent, and the repeated request is a new
// one. Killed before the answer is stored: the repeated request sends the stanza again,
// with the id that was stored with the key, so that the recipient can tell. Killed
// after that: the repeated request gets the same answer, and nothing is sent.
func (o idempotent) serve(w http.ResponseWriter, r *http.Request, d *draft, send func(context.Context, *stanza.Stanza) reply) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	if key == "" || o.requests == nil {
		send(r.Context(), d.stanza).write(w)
		return nil
	}
	key = httpapi.IdentityOf(r.Context()).Name + "\x00" + r.Method + r.URL.Path + "\x00" + key
	if other, running := o.running.hashes.LoadOrStore(key, d.hash); running {
		if other != d.hash {
			return otherBody()
		}
		return &httpapi.Fault{Status: http.StatusConflict, Text: keyHeader + ": the request with this key is in progress; try again", RetryAfter: 1}
	}
	defer o.running.hashes.Delete(key)
	ctx := context.WithoutCancel(r.Context()) // the answer is stored also if the caller goes
	known, created, err := o.requests.Begin(ctx, key, store.IdempotentRequest{Hash: d.hash, ID: d.stanza.ID})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", keyHeader, err)
	case created:
	case known.Hash != d.hash:
		return otherBody()
	case known.Answered():
		w.Header().Set(replayHeader, "true")
		reply{status: known.Status, media: known.Type, body: known.Answer}.write(w)
		return nil
	default:
		if err := d.build(known.ID); err != nil {
			return err
		}
	}
	a := send(ctx, d.stanza)
	if a.final() {
		err := o.requests.End(ctx, key, store.IdempotentRequest{Hash: d.hash, ID: d.stanza.ID, Status: a.status, Type: a.media, Answer: a.body})
		if err != nil { // the caller gets the answer all the same; only a repetition would send again
			o.log.Warn("answer not stored", zap.String("hint", "a repeated request with its Idempotency-Key sends again"), zap.String("stanza_id", d.stanza.ID), zap.Error(err))
		}
	}
	a.write(w)
	return nil
}

func otherBody() error {
	return &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: keyHeader + ": this key was used with another body; write a new key for a new request"}
}

// reply is an answer that can be stored.
type reply struct {
	status     int
	media      string
	body       []byte
	retryAfter int
}

// final reports whether a repeated request gets the same answer. After any other answer
// the request may be repeated.
func (a reply) final() bool { return a.status < 300 || a.status == http.StatusUnprocessableEntity }

func (a reply) write(w http.ResponseWriter) {
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	httpapi.WriteBody(w, a.status, a.media, a.body)
}
