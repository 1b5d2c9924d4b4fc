package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
)

// The kinds of signatures.
const (
	VerifyNone     = "none"
	VerifyGitHub   = "github"
	VerifyGitea    = "gitea"
	VerifyGitLab   = "gitlab"
	VerifyGrafana  = "grafana"
	VerifySlack    = "slack"
	VerifyStandard = "standard"
)

// VerifyKinds are the kinds of signatures.
func VerifyKinds() []string {
	return []string{VerifyGitHub, VerifyGitea, VerifyGitLab, VerifyGrafana, VerifySlack, VerifyStandard, VerifyNone}
}

// skew is how far the time of a signature may be from ours.
const skew = 300 * time.Second

// Verifier checks that a request is signed with one of some secrets. A nil Verifier
// takes every request.
type Verifier struct {
	kind      string
	secrets   []secret.String
	signers   []*signature.Signer // of standard, one for each secret
	timestamp string              // the header with the time, of grafana
}

// NewVerifier returns a verifier; several secrets are for the time in which one replaces
// another. timestamp is the header in which Grafana sends the time; empty: it sends none.
func NewVerifier(kind string, secrets []secret.String, timestamp string) (*Verifier, error) {
	v := &Verifier{kind: kind, secrets: secrets, timestamp: timestamp}
	if kind == VerifyStandard {
		for _, s := range secrets {
			key, err := signature.ParseSecret(s.Reveal())
			if err != nil {
				return nil, err
			}
			v.signers = append(v.signers, signature.NewSigner([]signature.Secret{key}))
		}
	}
	if kind != VerifyNone && len(secrets) == 0 {
		return nil, errors.New("a secret is missing")
	}
	for _, s := range secrets {
		if s.Reveal() == "" {
			return nil, errors.New("a secret is empty")
		}
	}
	return v, nil
}

// NeedsBody reports whether Verify needs the body of a request.
func (v *Verifier) NeedsBody() bool {
	return v != nil && v.kind != VerifyNone && v.kind != VerifyGitLab
}

// signatures are the headers with a signature over the body, in canonical form.
var signatures = [...]string{"X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature", "X-Grafana-Alerting-Signature", "X-Slack-Signature", http.CanonicalHeaderKey(signature.HeaderSignature)}

// Signed reports whether a request shows a signature over its body, of whatever kind.
func Signed(h http.Header) bool {
	for _, name := range signatures {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// errSignature does not say what is wrong: it would help a forger more than anyone else.
var errSignature = errors.New("the signature is missing or wrong")

// Verify checks the signature of a request. All secrets are compared, so that the time
// does not depend on which is right.
func (v *Verifier) Verify(r *Request) error {
	if v == nil || v.kind == VerifyNone {
		return nil
	}
	ok := 0
	for i := range v.secrets {
		ok |= v.matches(i, r)
	}
	if ok != 1 {
		return errSignature
	}
	return nil
}

// matches returns 1 if a request is signed with a secret.
func (v *Verifier) matches(i int, r *Request) int {
	key := []byte(v.secrets[i].Reveal())
	switch v.kind {
	case VerifyGitHub: // docs.github.com, "Validating webhook deliveries"
		given, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
		return both(ok, sameHex(given, key, r.Body))
	case VerifyGitea: // docs.gitea.com, "Webhooks"; Forgejo sends both
		return sameHex(r.header("X-Gitea-Signature", "X-Forgejo-Signature"), key, r.Body)
	case VerifyGitLab: // docs.gitlab.com, "Webhooks": the secret itself
		given, want := sha256.Sum256([]byte(r.Header.Get("X-Gitlab-Token"))), sha256.Sum256(key)
		return subtle.ConstantTimeCompare(given[:], want[:])
	case VerifyGrafana: // grafana.com/docs, "Webhook notifier": HMAC signature
		given := r.Header.Get("X-Grafana-Alerting-Signature")
		if v.timestamp == "" {
			return sameHex(given, key, r.Body)
		}
		at := r.Header.Get(v.timestamp)
		return both(fresh(at, r.Time), sameHex(given, key, []byte(at), []byte(":"), r.Body))
	case VerifySlack: // docs.slack.dev, "Verifying requests from Slack"
		at := r.Header.Get("X-Slack-Request-Timestamp")
		given, ok := strings.CutPrefix(r.Header.Get("X-Slack-Signature"), "v0=")
		return both(ok && fresh(at, r.Time), sameHex(given, key, []byte("v0:"+at+":"), r.Body))
	case VerifyStandard:
		return v.standard(i, r)
	}
	return 0
}

// standard checks a signature of Standard Webhooks, of which there may be several.
func (v *Verifier) standard(i int, r *Request) int {
	id, at := r.Header.Get(signature.HeaderID), r.Header.Get(signature.HeaderTimestamp)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || id == "" || !fresh(at, r.Time) {
		return 0
	}
	want := []byte(v.signers[i].Sign(id, time.Unix(seconds, 0), r.Body))
	ok := 0
	for _, given := range strings.Fields(r.Header.Get(signature.HeaderSignature)) {
		ok |= subtle.ConstantTimeCompare([]byte(given), want)
	}
	return ok
}

// fresh reports whether Unix seconds are near a time.
func fresh(seconds string, now time.Time) bool {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return false
	}
	d := now.Sub(time.Unix(n, 0))
	return d <= skew && d >= -skew
}

func both(ok bool, same int) int {
	if !ok {
		return 0
	}
	return same
}

// sameHex compares an HMAC-SHA256 in hex.
func sameHex(given string, key []byte, parts ...[]byte) int {
	return subtle.ConstantTimeCompare([]byte(given), []byte(signedHex(key, parts...)))
}

func signedHex(key []byte, parts ...[]byte) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p) // hash.Hash returns no errors
	}
	return hex.EncodeToString(mac.Sum(nil))
}
