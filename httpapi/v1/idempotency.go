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

// Requests keeps the requests that have an Idempotency-Key, for 24 hours.
type Requests interface {
	// Begin stores a request under a new key and returns when that is on disk;
	// or it returns what is stored there already. Errors: gateway.ErrFull.
	Begin(ctx context.Context, key string, r store.IdempotentRequest) (stored store.IdempotentRequest, created bool, err error)
	// End stores the answer of a request. Errors: gateway.ErrFull.
	End(ctx context.Context, key string, r store.IdempotentRequest) error
}

// The header is that of draft-ietf-httpapi-idempotency-key-header, which is a
// quoted string there; most callers leave the quotes out, so both are the same
// here.
const (
	keyHeader    = "Idempotency-Key"
	replayHeader = "Idempotency-Replayed" // true: the answer is that of a request before
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

// Once has the requests with a key that are being served, by it; their number is
// that of all requests at most. The zero Once has none. Surfaces of which one
// takes the place of the other share one.
type Once struct {
	mu     sync.Mutex
	hashes map[string]string
}

// begin reports whether the key is free, and if not, the hash of who has it.
func (u *Once) begin(key, hash string) (other string, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if other, taken := u.hashes[key]; taken {
		return other, false
	}
	if u.hashes == nil {
		u.hashes = make(map[string]string)
	}
	u.hashes[key] = hash
	return "", true
}

func (u *Once) end(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.hashes, key)
}

// once sends a stanza and answers; if the request has a key and was answered
// before, it answers the same again.
//
// Killed before the key is stored: nothing was sent, and the repeated request is
// a new one. Killed before the answer is stored: the repeated request sends the
// stanza again, with the id that was stored with the key, so that who receives
// both can tell. Killed after: it gets the same answer, and nothing is sent.
func (s sender) once(w http.ResponseWriter, r *http.Request, d *draft, send func(context.Context, *stanza.Stanza) reply) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	if key == "" || s.Requests == nil {
		send(r.Context(), d.stanza).write(w)
		return nil
	}
	key = httpapi.IdentityOf(r.Context()).Name + "\x00" + r.Method + r.URL.Path + "\x00" + key
	if other, ok := s.Once.begin(key, d.hash); !ok {
		if other != d.hash {
			return otherBody()
		}
		return refused{&httpapi.Fault{Status: http.StatusConflict, Text: keyHeader + ": the request with this key is still being answered; ask again", RetryAfter: 1}}
	}
	defer s.Once.end(key)
	ctx := context.WithoutCancel(r.Context()) // whether or not the caller waits, the answer is stored
	known, created, err := s.Requests.Begin(ctx, key, store.IdempotentRequest{Hash: d.hash, ID: d.stanza.ID})
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
		err := s.Requests.End(ctx, key, store.IdempotentRequest{Hash: d.hash, ID: d.stanza.ID, Status: a.status, Type: a.media, Answer: a.body})
		if err != nil { // the caller gets his answer all the same; only a repetition would send again
			s.Log.Warn("the answer to a request with an Idempotency-Key could not be stored", zap.String("stanza_id", d.stanza.ID), zap.Error(err))
		}
	}
	a.write(w)
	return nil
}

func otherBody() error {
	return refused{&httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: keyHeader + ": this key came with another body before; write a new key for a new request"}}
}

// reply is an answer that may be given again.
type reply struct {
	status     int
	media      string
	body       []byte
	retryAfter int
}

// final reports whether the answer stays the same however often the request is
// repeated. The others say that it may be repeated.
func (a reply) final() bool {
	return a.status < 300 || a.status == http.StatusUnprocessableEntity
}

func (a reply) write(w http.ResponseWriter) {
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	w.Header().Set("Content-Type", a.media)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // fails when the caller has gone; nobody is left to tell
}

// problem is the reply to an error.
func (s sender) problem(r *http.Request, err error) reply {
	f := s.fault(r, err)
	return reply{f.Status, httpapi.ProblemType, f.Problem(r.Context()), f.RetryAfter}
}
