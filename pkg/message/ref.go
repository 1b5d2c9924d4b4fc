package message

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"stanzahook/pkg/jid"
)

// Kind is where a message was said.
type Kind uint8

// The kinds. A private message of a room is a Chat whose Peer is room/nick.
const (
	Chat Kind = iota
	Room
)

// String returns "chat" or "room".
func (k Kind) String() string {
	if k == Room {
		return "room"
	}
	return "chat"
}

// Ref refers to a message, which one of our bots has sent or received. Its text has all
// that replies, reactions, corrections and the like need, so it is made and read without a
// table, and is good for ever.
//
// A Ref is not signed. Whoever makes one up can do what a sender can do anyway: receivers
// check who a correction is from.
type Ref struct {
	Kind Kind
	Own  jid.JID // our bot, bare
	Peer jid.JID // the other one, bare; a room, bare; room/nick for a private message of a room

	ID       string // of the stanza
	OriginID string // XEP-0359; empty: none
	StanzaID string // XEP-0359, that the room has given; empty: none, or the room cannot be trusted with it

	Mine   bool    // Own has sent it
	Author jid.JID // who has, a full address or room/nick; zero: unknown
}

// The text of a Ref is a prefix and the base64 form of a record: a byte of flags, the
// fields that the flags do not make superfluous, each after its length, and a checksum.
const (
	refPrefix = "r1_"
	// MaxRef is the length of the longest text of a Ref.
	MaxRef    = 512
	maxRecord = (MaxRef - len(refPrefix)) * 3 / 4
	checksum  = 2 // bytes
)

const (
	flagRoom       = 1 << iota
	flagMine       // Own is the author
	flagSameOrigin // the origin-id is the id
	flagAuthor     // the author is known
	flagAtPeer     // and its bare address is that of Peer: only the resource is written
	flagsAll       = 1<<iota - 1
)

// Why a text is no Ref.
var (
	ErrNotRef = errors.New("not a ref; a ref begins with " + refPrefix + ", and stands in events and answers")
	ErrLong   = fmt.Errorf("a ref has %d characters at most", MaxRef)
	ErrBroken = errors.New("a broken ref: characters are missing or changed; copy it whole")
	// ErrAddress is also of the Ref of a message from an address that RFC 7622 does not allow;
	// an XMPP server may pass one on (jid.FromServer), and nothing can be sent there.
	ErrAddress = errors.New("a ref with an address that is not valid")
)

// IsRef reports whether a text is meant to be a Ref, and not an id.
func IsRef(s string) bool { return strings.HasPrefix(s, refPrefix) }

// String returns the text of a Ref; "" for the zero Ref, and for one whose ids and addresses
// do not fit. The author is left out first.
func (r Ref) String() string { return string(r.Append(nil)) }

// Append appends the text of a Ref, and nothing for one that String cannot write.
func (r Ref) Append(dst []byte) []byte {
	var space [maxRecord]byte
	record, ok := r.bounded(space[:0])
	if !ok {
		return dst
	}
	return appendRecord(dst, record)
}

// appendRecord appends the text of a record, behind which it may write.
func appendRecord(dst, record []byte) []byte {
	record = binary.BigEndian.AppendUint16(record, sum(record))
	return base64.RawURLEncoding.AppendEncode(append(dst, refPrefix...), record)
}

// bounded appends the record of a Ref, without the checksum; without the author if it is too
// long with it. It reports false if there is no text for the Ref; then the record is too long,
// or empty.
func (r *Ref) bounded(b []byte) (record []byte, ok bool) {
	if r.Own.IsZero() {
		return nil, false
	}
	if record = r.record(b, true); len(record) > maxRecord-checksum {
		record = r.record(b, false)
	}
	return record, len(record) <= maxRecord-checksum
}

// count is how many ids a Ref has.
func (r *Ref) count() int {
	n := 0
	for _, has := range [...]bool{r.ID != "", r.OriginID != "" && r.OriginID != r.ID, r.StanzaID != ""} {
		if has {
			n++
		}
	}
	return n
}

// record appends the fields of a Ref. The author is among them if it is known and wanted.
func (r *Ref) record(b []byte, withAuthor bool) []byte {
	withAuthor = withAuthor && !r.Author.IsZero()
	atPeer := withAuthor && r.Author.Bare() == r.Peer.Bare()
	same := r.OriginID != "" && r.OriginID == r.ID
	flags := byte(0)
	for i, set := range [...]bool{r.Kind == Room, r.Mine, same, withAuthor, atPeer} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	b = appendField(appendField(appendField(b, r.Own.String()), r.Peer.String()), r.ID)
	if !same {
		b = appendField(b, r.OriginID)
	}
	b = appendField(b, r.StanzaID)
	switch {
	case !withAuthor:
	case atPeer:
		b = appendField(b, r.Author.Resource())
	default:
		b = appendField(b, r.Author.String())
	}
	return b
}

func appendField(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// sum is FNV-1a (hash/fnv has it, with an allocation), folded to 16 bits.
func sum(b []byte) uint16 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return uint16(h>>16) ^ uint16(h)
}

// ParseRef reads the text of a Ref. Errors: ErrNotRef, ErrLong, ErrBroken, ErrAddress.
func ParseRef(s string) (Ref, error) {
	text, ok := strings.CutPrefix(s, refPrefix)
	switch {
	case !ok:
		return Ref{}, ErrNotRef
	case len(s) > MaxRef:
		return Ref{}, ErrLong
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 1+checksum {
		return Ref{}, ErrBroken
	}
	end := len(b) - checksum
	if binary.BigEndian.Uint16(b[end:]) != sum(b[:end]) || b[0] > flagsAll {
		return Ref{}, ErrBroken
	}
	flags, rest := b[0], fields{b: b[1:end]}
	r := Ref{Mine: flags&flagMine != 0}
	if flags&flagRoom != 0 {
		r.Kind = Room
	}
	own, peer := rest.next(), rest.next()
	r.ID = rest.next()
	if r.OriginID = r.ID; flags&flagSameOrigin == 0 {
		r.OriginID = rest.next()
	}
	r.StanzaID = rest.next()
	author := ""
	if flags&flagAuthor != 0 {
		author = rest.next()
	}
	if rest.short || len(rest.b) > 0 {
		return Ref{}, ErrBroken
	}
	if err := r.addresses(own, peer, author, flags); err != nil {
		return Ref{}, err
	}
	if r.String() != s { // there is one text for each Ref
		return Ref{}, ErrBroken
	}
	return r, nil
}

// addresses reads the addresses of a record.
func (r *Ref) addresses(own, peer, author string, flags byte) (err error) {
	if r.Own, err = jid.Parse(own); err != nil || !r.Own.IsBare() {
		return ErrAddress
	}
	if r.Peer, err = jid.Parse(peer); err != nil || r.Kind == Room && !r.Peer.IsBare() {
		return ErrAddress
	}
	switch {
	case flags&flagAuthor == 0:
	case flags&flagAtPeer == 0:
		r.Author, err = jid.Parse(author)
	case author == "":
		r.Author = r.Peer.Bare()
	default:
		r.Author, err = r.Peer.WithResource(author)
	}
	if err != nil {
		return ErrAddress
	}
	return nil
}

// fields are the fields of a record that are not read yet.
type fields struct {
	b     []byte
	short bool // there were too few
}

func (f *fields) next() string { return string(f.take()) }

// take is next without a copy; nothing can be appended to it in place.
func (f *fields) take() []byte {
	n, size := binary.Uvarint(f.b)
	if size <= 0 || n > uint64(len(f.b)-size) {
		f.b, f.short = nil, true
		return nil
	}
	end := size + int(n)
	field := f.b[size:end:end]
	f.b = f.b[end:]
	return field
}
