package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"stanzahook/pkg/gateway"
)

// errSilent means that NATS did not answer in time: a record may be stored or not.
var errSilent error = silentError{}

type silentError struct{}

func (silentError) Error() string {
	return "NATS does not answer; the record is not known to be stored"
}

// Is makes it one of the errors after which something may be tried again.
func (silentError) Is(target error) bool {
	return target == ErrBroken || target == gateway.ErrSilent || target == gateway.ErrFull
}

// explain adds to an error of NATS what to do.
func explain(err error) error {
	text, advice := strings.ToLower(err.Error()), ""
	var api *jetstream.APIError
	var network *net.OpError
	switch {
	case errors.Is(err, nats.ErrAuthorization), strings.Contains(text, "authorization violation"):
		advice = "the user or the password, the nkey or the credentials are refused: compare store.nats with the servers' accounts"
	case errors.Is(err, nats.ErrAuthExpired), strings.Contains(text, "authentication expired"):
		advice = "the credentials of store.nats.creds_file have expired"
	case strings.Contains(text, "permissions violation"):
		advice = "the user of store.nats may not do this; the guide \"More than one machine\" lists the permissions"
	case errors.Is(err, nats.ErrNoServers), errors.As(err, &network) && network.Op == "dial", strings.Contains(text, "connection refused"), strings.Contains(text, "no such host"), strings.Contains(text, "i/o timeout"):
		advice = "no server of store.nats.url answers: is NATS running, and can this machine reach it?"
	case strings.Contains(text, "x509"), strings.Contains(text, "tls:"):
		advice = "look at store.nats.tls: ca_file has to have signed the servers' certificates"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		advice = "switch JetStream on in the servers (jetstream {}) and in this account"
	case errors.As(err, &api) && (api.ErrorCode == 10005 || api.ErrorCode == 10074):
		advice = "there are fewer NATS servers with JetStream than store.nats.replicas; start the others, or write replicas: 1"
	case errors.As(err, &api) && api.ErrorCode == 10077:
		advice = "the stream is full: raise store.max_bytes"
	case errors.As(err, &api) && (api.ErrorCode == 10047 || api.ErrorCode == 10023 || api.ErrorCode == 10028 || api.ErrorCode == 10026 || api.ErrorCode == 10027 || api.ErrorCode == 10002):
		advice = "the account or the servers have no room for the streams: raise their limit, or lower store.max_bytes"
	case errors.Is(err, context.DeadlineExceeded):
		advice = "JetStream does not answer: more than half of its servers have to run, and the user needs its permissions"
	}
	if advice == "" {
		return err
	}
	return &explained{err, advice}
}

// explained is an error of NATS with what to do.
type explained struct {
	err    error
	advice string
}

// Error implements error.
func (e *explained) Error() string { return e.err.Error() + "; " + e.advice }

// Unwrap is for the errors package.
func (e *explained) Unwrap() error { return e.err }

// SameReason reports whether two errors say the same, as far as it matters: of a NATS that is not reached, which of
// its servers was asked and how the network has failed is another with each attempt.
func SameReason(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	var one, other *explained
	return a.Error() == b.Error() || errors.As(a, &one) && errors.As(b, &other) && one.advice == other.advice
}

// isSilence reports whether an error means that no leader has answered.
func isSilence(err error) bool {
	var api *jetstream.APIError
	var network *net.OpError
	if errors.As(err, &api) {
		return api.Code == 503 && !isFull(err) || api.ErrorCode == 10158 // a repeated put whose first one is under way
	}
	if errors.As(err, &network) {
		return true
	}
	for _, silent := range []error{
		io.EOF, context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse, nats.ErrReconnectBufExceeded, nats.ErrConnectionReconnecting, nats.ErrDisconnected,
	} {
		if errors.Is(err, silent) {
			return !errors.Is(err, jetstream.ErrJetStreamNotEnabled)
		}
	}
	return false
}

func isWrongLast(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == 10164)
}

// lastOf reads the last place of a stream out of "wrong last sequence: N".
func lastOf(err error) uint64 {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return 0
	}
	last, _ := strconv.ParseUint(api.Description[strings.LastIndexByte(api.Description, ' ')+1:], 10, 64) // 0 if it is not said
	return last
}

// isConclusive reports whether an error says that a record is not stored, and never will be.
func isConclusive(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.Code != 503 || isFull(err)) && api.ErrorCode != 10158
}

// isFull reports whether a stream, its account or the servers have no room: a server says
// so before it stores anything, and again until there is room.
func isFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case 10077, // limits of the stream
		10002, 10023, // of the account, of the server
		10047: // no storage left
		return true
	}
	return false
}

// failure is what the sender of a record learns of an error.
func failure(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case isWrongLast(err):
		return gateway.ErrChanged
	case isFull(err) && errors.As(err, &api):
		return fmt.Errorf("%w: %s", gateway.ErrFull, api.Description)
	case errors.As(err, &api):
		return fmt.Errorf("store a record: %w", err)
	}
	return err
}
