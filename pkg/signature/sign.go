package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"sync"
	"time"
)

// The headers of Standard Webhooks 1.0.0, as http.Header writes them.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// version marks a symmetric signature.
const version = "v1,"

// Signer signs with fixed secrets and reuses the prepared keys. Several goroutines may
// use it.
type Signer struct {
	secrets []Secret
	free    sync.Pool // of *workspace
}

// workspace is the memory of one call.
type workspace struct {
	macs []hash.Hash
	head []byte // id, time and dots
	out  []byte
	sum  []byte
}

// NewSigner returns a Signer for the secrets.
func NewSigner(secrets []Secret) *Signer {
	return &Signer{secrets: append([]Secret(nil), secrets...)}
}

// Sign returns the value of webhook-signature for one request: "v1," and the
// signature in base64 for each secret, in their order, separated by a space;
// "" without secrets. The body is signed as it is, so it must be exactly what
// is sent; id and the Unix seconds of timestamp go into the headers. An id
// must have no '.' in it (Standard Webhooks 1.0.0, "Signature scheme").
func (s *Signer) Sign(id string, timestamp time.Time, body []byte) string {
	if len(s.secrets) == 0 {
		return ""
	}
	w := s.workspace()
	defer s.free.Put(w)
	w.head = append(append(w.head[:0], id...), '.')
	w.head = append(strconv.AppendInt(w.head, timestamp.Unix(), 10), '.')
	w.out = w.out[:0]
	for i, mac := range w.macs {
		if i > 0 {
			w.out = append(w.out, ' ')
		}
		mac.Reset()
		mac.Write(w.head) // hash.Hash returns no errors
		mac.Write(body)
		w.sum = mac.Sum(w.sum[:0])
		w.out = base64.StdEncoding.AppendEncode(append(w.out, version...), w.sum)
	}
	return string(w.out)
}

func (s *Signer) workspace() *workspace {
	if w, ok := s.free.Get().(*workspace); ok {
		return w
	}
	w := &workspace{macs: make([]hash.Hash, len(s.secrets))}
	for i, key := range s.secrets {
		w.macs[i] = hmac.New(sha256.New, []byte(key.key.Reveal()))
	}
	return w
}
