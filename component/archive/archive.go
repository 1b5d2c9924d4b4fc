// Package archive asks message archives (XEP-0313). An archive answers a query
// with many stanzas: a message for each result, and then the answer of the IQ
// (section 4.2). The server sends them in this order over one stream, so that all
// results are there when the IQ is answered.
//
// [Collector] is the handler that takes the messages and the one who gives them
// to whoever asked. Results that nobody has asked for go nowhere: section 8.3 of
// the XEP wants them ignored, as anybody can send what looks like one.
package archive

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Bounds. One query takes at most all three maxima of memory together.
const (
	maxQueries = 100     // under way at the same time
	maxResults = 1000    // of one query
	maxBytes   = 4 << 20 // of the results of one query
)

// Errors of Query.
var (
	ErrBusy    = errors.New("too many queries of archives are under way")
	ErrSameID  = errors.New("a query with this queryid to the same archive is under way; use another queryid")
	ErrTooMuch = errors.New("the archive sends more results than are kept for one query; ask for pages")
)

// namespace begins the namespaces of all versions of the XEP.
const namespace = "urn:xmpp:mam:"

// key is what a result has in common with its query.
type key struct {
	asker, peer jid.JID
	space, id   string // the version of the XEP, and the queryid
}

// query is one that is under way.
type query struct {
	results []*stanza.Stanza
	bytes   int
	full    context.CancelCauseFunc
}

// Collector collects the results of the queries under way. The zero Collector is
// ready for use; one serves all links.
//
// Killed while a query is under way: the caller's connection breaks, which tells
// it.
type Collector struct {
	Ignored atomic.Int64 // results that nobody had asked for

	mu      sync.Mutex
	queries map[key]*query
}

// Query registers an IQ that asks an archive, and lets request send it and wait
// for its answer. It returns the results in the order they came, and the answer
// behind them. Errors: ErrBusy, ErrSameID and ErrTooMuch, and request's.
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
	case errors.Is(context.Cause(ctx), ErrTooMuch):
		return nil, ErrTooMuch
	case err != nil:
		return nil, err
	}
	return append(q.results, answer), nil
}

func (c *Collector) add(k key, q *query) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queries) >= maxQueries {
		return ErrBusy
	}
	if c.queries[k] != nil {
		return ErrSameID
	}
	if c.queries == nil {
		c.queries = make(map[key]*query)
	}
	c.queries[k] = q
	return nil
}

// Handle implements component.Handler. It takes every message with a result of
// an archive. One counts that comes from the archive that was asked, to the
// address that asked it; from nobody is from the asker's own account (XEP-0313
// section 8.3).
func (c *Collector) Handle(in *component.Incoming) bool {
	if in.Kind != stanza.Message || in.Type == "error" {
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
		q.full(ErrTooMuch)
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

// queryID returns the queryid of a query or a result, if it has one.
func queryID(s *stanza.Stanza) string {
	d := xml.NewDecoder(strings.NewReader(s.XML()))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		switch t := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth != 2 || !strings.HasPrefix(t.Name.Space, namespace) {
				continue
			}
			for _, a := range t.Attr {
				if a.Name.Space == "" && a.Name.Local == "queryid" {
					return a.Value
				}
			}
			return ""
		}
	}
}
