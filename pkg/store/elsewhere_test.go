package store

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"

	"stanzahook/pkg/store/internal/stream"
)

// appendNow stores a record in WAITING or EVENTS, as nobody but the queues does.
func (qs *Queues) appendNow(subject string, data []byte) (uint64, error) {
	type result struct {
		seq uint64
		err error
	}
	done := make(chan result, 1)
	qs.srv.Append(&stream.Append{Subject: subject, Data: data, Result: func(_ *stream.Append, seq uint64, err error) { done <- result{seq, err} }})
	r := <-done
	return r.seq, r.err
}

// Elsewhere returns options of a store that is on NATS if the environment says so; see
// TestOnNATS. Each directory has a name there.
func Elsewhere(o Options) Options {
	url := os.Getenv("STANZAHOOK_TEST_NATS")
	if url == "" || o.NATS != nil {
		return o
	}
	replicas, _ := strconv.Atoi(os.Getenv("STANZAHOOK_TEST_NATS_REPLICAS")) // 0 is refused by NATS
	name := sha256.Sum256([]byte(o.Dir))
	o.NATS, o.Dir = &NATS{URL: url, Name: "t" + hex.EncodeToString(name[:8]), Replicas: replicas}, ""
	return o
}
