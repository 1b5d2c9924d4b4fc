package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"stanzahook/pkg/jid"
)

// Record is what is kept of one owner's roster.
type Record struct {
	Source string          // the ID of the source that ETag and Answer are from
	ETag   string          // of Answer
	Answer json.RawMessage // what the source has said last; empty: nothing yet
	// Extra and Lacks are how what the server had last differs from Answer:
	// contacts that are not there or otherwise, and those it had not.
	Extra   []Item
	Lacks   []jid.JID
	KnownAt time.Time // when that was read; zero: never
	// Added are the contacts that were added from the source. In additive mode
	// one is in here before it is added, so that a process that is killed in
	// between still knows that it is not the owner's own.
	Added   []jid.JID
	Backend string // that was used last
	Last    Last
}

// Last is the last refresh.
type Last struct {
	Time   time.Time
	Result Result // empty: none yet
	Detail string
}

// Wanted is the roster that the source has said last; nil if there is none.
func (r *Record) Wanted(owner jid.JID) (Roster, error) {
	if len(r.Answer) == 0 {
		return nil, nil
	}
	return Decode(r.Answer, owner)
}

// Known is the roster that the server had last, when want is what the source
// has said last.
func (r *Record) Known(want Roster) Roster {
	if r.KnownAt.IsZero() {
		return nil
	}
	known := make(Roster, len(want)+len(r.Extra))
	for contact, item := range want {
		known[contact] = item
	}
	for _, item := range r.Extra {
		known[item.JID] = item
	}
	for _, contact := range r.Lacks {
		delete(known, contact)
	}
	return known
}

// setKnown notes what the server has.
func (r *Record) setKnown(want, have Roster, at time.Time) {
	r.Extra, r.Lacks, r.KnownAt = nil, nil, at
	for contact, item := range have {
		if w, ok := want[contact]; !ok || !w.Equal(item) {
			r.Extra = append(r.Extra, item)
		}
	}
	for contact := range want {
		if _, ok := have[contact]; !ok {
			r.Lacks = append(r.Lacks, contact)
		}
	}
}

// added is r.Added as a set.
func (r *Record) added() map[jid.JID]bool {
	set := make(map[jid.JID]bool, len(r.Added))
	for _, contact := range r.Added {
		set[contact] = true
	}
	return set
}

// setAdded notes what was added from the source.
func (r *Record) setAdded(set map[jid.JID]bool) {
	r.Added = r.Added[:0]
	for contact := range set {
		r.Added = append(r.Added, contact)
	}
	slices.SortFunc(r.Added, func(a, b jid.JID) int { return compare(a, b) })
}

// storedRecord is the JSON of a record.
type storedRecord struct {
	Source  string          `json:"source,omitempty"`
	ETag    string          `json:"etag,omitempty"`
	Answer  json.RawMessage `json:"answer,omitempty"`
	Extra   []storedItem    `json:"extra,omitempty"`
	Lacks   []string        `json:"lacks,omitempty"`
	KnownAt time.Time       `json:"known_at,omitzero"`
	Added   []string        `json:"added,omitempty"`
	Backend string          `json:"backend,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	Result  Result          `json:"result,omitempty"`
	Detail  string          `json:"detail,omitempty"`
}

type storedItem struct {
	JID          string       `json:"jid"`
	Name         string       `json:"name,omitempty"`
	Groups       []string     `json:"groups,omitempty"`
	Subscription Subscription `json:"subscription"`
}

// compressFrom is the size from which a record is stored compressed.
const compressFrom = 1 << 10

// Encode writes a record for a store: JSON, or, behind a zero byte, JSON
// compressed as S2.
func (r *Record) Encode() ([]byte, error) {
	s := storedRecord{
		Source: r.Source, ETag: r.ETag, Answer: r.Answer, KnownAt: r.KnownAt, Backend: r.Backend,
		Lacks: texts(r.Lacks), Added: texts(r.Added),
		Time: r.Last.Time, Result: r.Last.Result, Detail: r.Last.Detail,
	}
	for _, i := range r.Extra {
		s.Extra = append(s.Extra, storedItem{i.JID.String(), i.Name, i.Groups, i.Subscription})
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the record of a roster: %w", err)
	}
	if len(data) < compressFrom {
		return data, nil
	}
	packed := make([]byte, 1+s2.MaxEncodedLen(len(data)))
	return packed[:1+len(s2.Encode(packed[1:], data))], nil
}

// DecodeRecord reads what Encode wrote.
func DecodeRecord(data []byte) (Record, error) {
	if len(data) > 0 && data[0] == 0 {
		n, err := s2.DecodedLen(data[1:])
		if err == nil && n > 8*maxAnswer {
			err = errors.New("it would be too large")
		}
		if err == nil {
			data, err = s2.Decode(nil, data[1:])
		}
		if err != nil {
			return Record{}, fmt.Errorf("the record of a roster is damaged: %w", err)
		}
	}
	var s storedRecord
	if err := json.Unmarshal(data, &s); err != nil {
		return Record{}, fmt.Errorf("the record of a roster is damaged: %w", err)
	}
	r := Record{
		Source: s.Source, ETag: s.ETag, Answer: s.Answer, KnownAt: s.KnownAt, Backend: s.Backend,
		Lacks: addresses(s.Lacks), Added: addresses(s.Added), Last: Last{s.Time, s.Result, s.Detail},
	}
	for _, i := range s.Extra {
		r.Extra = append(r.Extra, Item{jid.FromServer(i.JID), i.Name, i.Groups, i.Subscription})
	}
	return r, nil
}

func texts(all []jid.JID) []string {
	var out []string
	for _, j := range all {
		out = append(out, j.String())
	}
	return out
}

// addresses reads what texts wrote; a server may have had one that RFC 7622
// does not know.
func addresses(all []string) []jid.JID {
	var out []jid.JID
	for _, text := range all {
		out = append(out, jid.FromServer(text))
	}
	return out
}
