// Package archive queries message archives (XEP-0313). An archive answers a query
// with several stanzas: a message for each result, then the answer of the IQ
// (section 4.2). The server sends them in this order over one stream, so all
// results have arrived when the IQ is answered.
//
// [Collector] is the handler for the messages, and runs the queries. It drops
// results of no query, as section 8.3 of the XEP demands: anybody can send them.
package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds. One query takes at most all three maxima of memory together.
const (
	maxQueries = 100     // at the same time
	maxResults = 1000    // of one query
	maxBytes   = 4 << 20 // of the results of one query
)

// namespace is the prefix of the namespaces of all versions of the XEP.
const namespace = "urn:xmpp:mam:"

// key is what a result and its query have in common.
type key struct {
	asker, peer jid.JID
	space, id   string // the version of the XEP, and the queryid
}

// query is a running query.
type query struct {
	results []*stanza.Stanza
	bytes   int
	full    context.CancelCauseFunc
}

// Collector collects the results of queries. The zero Collector is ready for use;
// one serves all links.
//
// Killed during a query: the caller sees its connection break.
type Collector struct {
	Ignored atomic.Int64 // results of no query

	mu      sync.Mutex
	queries map[key]*query
}

// Query registers an IQ that queries an archive, and calls request to send it and
// wait for its answer. It returns the results in order, then the answer. Errors:
// gateway.ErrBusy, gateway.ErrSameID, gateway.ErrTooMuch, and those of request.
func (c *Collector) Query(ctx context.Context, s *stanza.Stanza, request func(context.Context, *stanza.Stanza) (*stanza.Stanza, error)) ([]*stanza.Stanza, error) {
	ctx, full := context.WithCancelCause(ctx)
	defer full(nil)
	p, _ := s.Payload()
	k := key{s.From, s.To, p.Space, queryID(s)}
	q := &query{full: full}
	if err := c.add(k, q); err != nil {
		return nil, err
	}
	answer, err := request(ctx, s)
	c.mu.Lock()
	delete(c.queries, k)
	c.mu.Unlock()
	switch {
	case errors.Is(context.Cause(ctx), gateway.ErrTooMuch):
		return nil, gateway.ErrTooMuch
	case err != nil:
		return nil, err
	}
	return append(q.results, answer), nil
}

func (c *Collector) add(k key, q *query) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queries) >= maxQueries {
		return fmt.Errorf("%w: %d queries of archives are under way", gateway.ErrBusy, maxQueries)
	}
	if c.queries[k] != nil {
		return fmt.Errorf("%w: a query with this queryid to the same archive is under way", gateway.ErrSameID)
	}
	if c.queries == nil {
		c.queries = make(map[key]*query)
	}
	c.queries[k] = q
	return nil
}

// Handle implements component.Handler. It consumes every message with a result of
// an archive, but for groupchats, which no archive sends. A result belongs to a query if it comes from the queried archive to
// the querying address; without a from it comes from the account of that address
// (XEP-0313 section 8.3).
func (c *Collector) Handle(in *component.Incoming) bool {
	if in.Kind != stanza.Message || in.Type == "error" || in.Type == "groupchat" { // what people say in a room
		return false
	}
	result, ok := resultOf(in.Stanza)
	if !ok {
		return false
	}
	peer := in.From
	if peer.IsZero() {
		peer = in.To.Bare()
	}
	k := key{in.To, peer, result.Space, queryID(in.Stanza)}
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queries[k]
	if q == nil {
		c.Ignored.Add(1)
		return true
	}
	if q.bytes += len(in.XML()); q.bytes > maxBytes || len(q.results) >= maxResults {
		q.results = nil
		q.full(gateway.ErrTooMuch)
		return true
	}
	q.results = append(q.results, in.Stanza)
	return true
}

func resultOf(s *stanza.Stanza) (stanza.Child, bool) {
	for _, c := range s.Children() {
		if c.Local == "result" && strings.HasPrefix(c.Space, namespace) {
			return c, true
		}
	}
	return stanza.Child{}, false
}

// queryID returns the queryid of a query or a result; empty if it has none.
func queryID(s *stanza.Stanza) string {
	for _, c := range s.Children() {
		if strings.HasPrefix(c.Space, namespace) {
			id, _ := s.Element(c).Attr("queryid")
			return id
		}
	}
	return ""
}
