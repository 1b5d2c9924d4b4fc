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

// Record is what is known about one owner's roster.
type Record struct {
	Source string          // the ID of the source that ETag and Answer are from
	ETag   string          // of Answer
	Answer json.RawMessage // the last answer of the source; empty: none yet
	// Extra and Lacks are the differences between the last known roster on the
	// server and Answer: contacts that are missing from Answer or differ there,
	// and contacts that the server did not have.
	Extra   []Item
	Lacks   []jid.JID
	KnownAt time.Time // when the roster was read; zero: never
	// Added are the contacts that came from the source. In additive mode a contact
	// is recorded here before it is added, so that after a kill it is not mistaken
	// for one of the owner's own.
	Added   []jid.JID
	Backend string // the last one used
	Last    Last
}

// Last is the last refresh.
type Last struct {
	Time   time.Time
	Result Result // empty: none yet
	Detail string
}

// Wanted returns the roster of the last answer; nil if there is none.
func (r *Record) Wanted(owner jid.JID) (Roster, error) {
	if len(r.Answer) == 0 {
		return nil, nil
	}
	return Decode(r.Answer, owner)
}

// Known returns the last known roster on the server; want is the roster of
// Answer.
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

// setKnown records the roster on the server.
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

// added returns Added as a set.
func (r *Record) added() map[jid.JID]bool {
	set := make(map[jid.JID]bool, len(r.Added))
	for _, contact := range r.Added {
		set[contact] = true
	}
	return set
}

// setAdded sets Added.
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
			err = errors.New("it is too large")
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

// addresses is the inverse of texts. Servers may have addresses that RFC 7622 does
// not allow.
func addresses(all []string) []jid.JID {
	var out []jid.JID
	for _, text := range all {
		out = append(out, jid.FromServer(text))
	}
	return out
}
