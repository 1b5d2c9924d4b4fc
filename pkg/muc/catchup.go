package muc

import (
	"slices"
	"strconv"
	"time"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

const (
	maxHeld  = 1000    // events that wait for what was missed before them
	maxBytes = 4 << 20 // of the stanzas of these, and of what was missed
	pageSize = 100     // of an archive
	// archiveWait is for a page of an archive: who has answered other questions is slow, not mute.
	archiveWait = 30 * time.Second
	// historyEnd is how long a join waits for more history behind a subject that has a stamp.
	historyEnd = 200 * time.Millisecond
)

// catchUp is what was missed, as far as it has come, and the events that wait for it.
type catchUp struct {
	catching bool
	history  []Event   // from the join
	pages    [][]Event // from the archive, the newest page first
	page     []Event
	held     []Event
	bytes    int // of all these stanzas
}

// historyElement returns what a join asks for of the history (XEP-0045 section 7.2.14).
func (r *Room) historyElement() string {
	switch {
	case r.wanted:
		return "<history since='" + r.cut.UTC().Format(time.RFC3339) + "'/>"
	case r.o.History > 0:
		return "<history maxstanzas='" + strconv.Itoa(r.o.History) + "'/>"
	}
	return "<history maxstanzas='0'/>"
}

// onHistory handles a message of the history, before the subject.
func (r *Room) onHistory(now time.Time, s *stanza.Stanza) {
	if subject, is := subjectOf(s); is {
		// It ends the history, if it is not part of it: nothing follows then.
		r.setSubject(subject)
		r.at.set(subjectTimer, now.Add(historyEnd))
		return
	}
	if e, ok := r.past(s, r.plausible(*stampOf(s, r.o.Room))); ok && len(r.history) < r.o.MaxMissed+maxSeen && r.bytes < maxBytes {
		r.history = append(r.history, e)
		if !e.seen { // nothing is kept of those
			r.bytes += len(s.XML())
		}
	}
}

// past returns the event of a message that was missed.
func (r *Room) past(s *stanza.Stanza, stamp time.Time) (Event, bool) {
	nick := s.From.Resource()
	_, isSubject := subjectOf(s)
	key := keyOf(s, r.o.Room)
	if nick == "" && !moderates(s) || isSubject || r.o.History == NoHistory || stamp.Before(r.cut) {
		return Event{}, false
	}
	if r.seen(key) {
		return Event{Kind: Message, Missed: true, Stamp: stamp, key: key, seen: true}, true
	}
	if stamp.After(r.heard) { // else the mark would be there, and what is said until then be old
		stamp = r.heard
	}
	s, err := r.stamped(s, stamp)
	if err != nil {
		return Event{}, false
	}
	e := Event{Kind: Message, Stanza: s, Occupant: Occupant{Nick: nick}, Missed: true, Stamp: stamp, key: key, when: stamp}
	e.named()
	if e.Own = r.ownInPast(nick); e.Own {
		e.Sent = r.echoOf(s)
	}
	return e, true
}

// plausible returns the stamp of a message of the history. People can write a stamp in the
// room's name: ejabberd 23.01 then sends theirs, and none of its own. But what comes was said
// since the time that the join asks for, and after what came before it.
func (r *Room) plausible(stamp time.Time) time.Time {
	if stamp.Before(r.cut) {
		stamp = r.cut
	}
	if n := len(r.history); n > 0 && stamp.Before(r.history[n-1].Stamp) {
		stamp = r.history[n-1].Stamp
	}
	return stamp
}

// stamped returns a message with a stamp of the room, and no other: people may have written
// some.
func (r *Room) stamped(s *stanza.Stanza, stamp time.Time) (*stanza.Stanza, error) {
	n := 0
	for _, c := range s.Children() {
		if c.Space == nsDelay {
			n++
		}
	}
	if had := stampOf(s, r.o.Room); n == 1 && had != nil && had.Equal(stamp) {
		return s, nil
	}
	limits := partsOf(s)
	s, err := s.Without(nsDelay, limits)
	if err != nil {
		return nil, err
	}
	delay := stanza.AppendAttr(stanza.AppendAttr([]byte("<delay xmlns='"+nsDelay+"'"), "from", r.o.Room.String()), "stamp", stamp.UTC().Format(time.RFC3339Nano))
	return s.Append(string(append(delay, "/>"...)), limits)
}

// ownWords reports whether a message of the past is the bot's, and nobody waits for it: it
// is no event. Somebody else may have had the nick meanwhile; then the occupant-id says so,
// where the room sets it.
func (r *Room) ownWords(e *Event) bool {
	if !e.Own || e.Sent != "" || e.seen {
		return false
	}
	id, own := attr(element(e.Stanza, nsOccupant, "occupant-id"), "id"), r.author(r.nick)
	e.Own = id == "" || own.ID == "" || id == own.ID
	return e.Own
}

// others returns events without the bot's own words.
func (r *Room) others(all []Event) []Event {
	kept := all[:0]
	for i := range all {
		if !r.ownWords(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// authorInPast returns who said something. Who has the nick now may be somebody else: only
// an occupant-id that the room sets says that it is the same one.
func (r *Room) authorInPast(s *stanza.Stanza, nick string) Occupant {
	id := attr(element(s, nsOccupant, "occupant-id"), "id")
	if now := r.author(nick); now.ID != "" && now.ID == id {
		return now
	}
	return Occupant{Nick: nick}
}

// look asks what the room can do, once a join, and then for what was missed.
func (r *Room) look(now time.Time) {
	r.catching = r.wanted
	if r.o.Mute {
		r.release(r.history)
		return
	}
	if !r.catching {
		r.release(r.history)
	}
	wait := iqWait
	if r.o.Answers {
		wait = archiveWait
	}
	r.ask(r.newID(catchTimer, now.Add(wait)), "get", "<query xmlns='"+nsDisco+"'/>")
}

// Traits of a room, as features (XEP-0030).
func (r *Room) onTraits(now time.Time, s *stanza.Stanza) {
	query := element(s, nsDisco, "query")
	if s.Type != "result" || query == nil {
		if r.known {
			r.onPage(now, s)
		} else {
			r.release(r.history)
		}
		return
	}
	r.traits = traits{known: true, anonymous: true}
	for i := range query.Children {
		switch attr(&query.Children[i], "var") {
		case nsArchive:
			r.archive, r.stanzaIDs = true, true
		case nsID:
			r.stanzaIDs = true
		case nsOccupant:
			r.occupantIDs = true
		case "muc_nonanonymous":
			r.anonymous = false
		}
	}
	r.askArchive(now, "")
}

// askArchive asks for the last page of what was said since the cut, before an id.
func (r *Room) askArchive(now time.Time, before string) {
	if !r.catching || !r.archive {
		r.release(r.history)
		return
	}
	id := r.newID(catchTimer, now.Add(archiveWait))
	r.ask(id, "set", "<query xmlns='"+nsArchive+"' queryid='"+id+"'><x xmlns='"+form.NS+"' type='submit'><field var='FORM_TYPE' type='hidden'><value>"+nsArchive+
		"</value></field><field var='start'><value>"+r.cut.UTC().Format(time.RFC3339)+"</value></field></x><set xmlns='"+nsRSM+"'><max>"+strconv.Itoa(min(pageSize, r.o.MaxMissed))+"</max>"+
		stanza.TextElement("before", before)+"</set></query>")
}

// onResult handles a message of the archive.
func (r *Room) onResult(result *stanza.Element) {
	if !r.catching || len(r.page) >= 2*pageSize {
		return
	}
	forwarded := result.Child(nsForward, "forwarded")
	if forwarded == nil {
		return
	}
	stamp, err := time.Parse(time.RFC3339Nano, attr(forwarded.Child(nsDelay, "delay"), "stamp"))
	var message *stanza.Element
	for i := range forwarded.Children {
		if c := &forwarded.Children[i]; c.Local == "message" {
			message = c
		}
	}
	if err != nil || message == nil {
		return
	}
	s, err := stanza.Parse(message.XML(), stanza.Limits{MaxBytes: len(message.XML()) + 1})
	if err != nil || s.From.Bare() != r.o.Room || s.Type != "groupchat" {
		return
	}
	if s, err = r.asHistory(s, attr(result, "id")); err != nil {
		return
	}
	if e, ok := r.past(s, stamp); ok && !r.ownWords(&e) {
		e.StanzaID = attr(result, "id")
		r.page = append(r.page, e)
	}
}

// asHistory returns a message of the archive as the room's history would have it: to us,
// with the room's id.
func (r *Room) asHistory(s *stanza.Stanza, id string) (*stanza.Stanza, error) {
	h := s.Header
	h.To = r.o.Self
	add := ""
	if idBy(s, r.o.Room) != id {
		s = r.withRoomID(s, false) // somebody else wrote what there is
		add = string(append(stanza.AppendAttr(stanza.AppendAttr([]byte("<stanza-id xmlns='"+nsID+"'"), "by", r.o.Room.String()), "id", id), "/>"...))
	}
	limits := partsOf(s)
	s, err := s.With(h, limits)
	if err != nil || add == "" {
		return s, err
	}
	return s.Append(add, limits)
}

// onPage handles the end of a page of the archive.
func (r *Room) onPage(now time.Time, s *stanza.Stanza) {
	fin := element(s, nsArchive, "fin")
	got := 0
	if len(r.page) > 0 {
		r.pages = append(r.pages, r.page)
		r.page = nil
	}
	for _, p := range r.pages {
		got += len(p)
	}
	if fin == nil || s.Type != "result" || attr(fin, "complete") == "true" || got >= r.o.MaxMissed {
		r.release(r.together())
		return
	}
	set := fin.Child(nsRSM, "set")
	var first *stanza.Element
	if set != nil {
		first = set.Child(nsRSM, "first")
	}
	if first == nil || first.Text == "" { // an empty page
		r.release(r.together())
		return
	}
	r.askArchive(now, first.Text)
}

// together returns what was missed of both sources, each message once, in order.
func (r *Room) together() []Event {
	r.history = r.others(r.history)
	var all []Event
	known := make(map[uint64]bool)
	for _, p := range slices.Backward(append([][]Event{r.history}, r.pages...)) {
		for _, e := range p {
			if !known[e.key] {
				known[e.key] = true
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Event) int { return int(a.Stamp.Unix() - b.Stamp.Unix()) })
	return all
}

// unseen returns, of messages of the past in their order, those that were not seen, as many as
// may be. Where more was said within a second than the mark remembers, a message of that second
// was seen if it stands before all that the mark remembers. If none of those is among them, there
// are more new ones than were asked for.
func (r *Room) unseen(past []Event) []Event {
	oldest := slices.IndexFunc(past, func(e Event) bool { return e.seen })
	kept := past[:0]
	for i, e := range past {
		if !e.seen && (i > oldest || !r.forgot(e.Stamp)) {
			kept = append(kept, e)
		}
	}
	return kept[max(0, len(kept)-r.o.MaxMissed):]
}

// unanswered goes on without an answer of disco or of the archive.
func (r *Room) unanswered() {
	if len(r.page) > 0 {
		r.pages = append(r.pages, r.page)
	}
	r.release(r.together())
}

// release emits what was missed and the events that waited behind it. What came live in
// the meantime may be in the archive already.
func (r *Room) release(missed []Event) {
	live := make(map[uint64]bool)
	for _, e := range r.held {
		if e.key != 0 {
			live[e.key] = true
		}
	}
	held := r.held
	missed = r.unseen(missed)
	r.catchUp = catchUp{}
	for _, e := range r.others(missed) {
		if !live[e.key] {
			e.Occupant = r.authorInPast(e.Stanza, e.Occupant.Nick)
			r.pass(&e)
		}
	}
	for _, e := range held {
		if e.key != 0 { // what the room can do is known now
			e.StanzaID = r.stanzaID(e.Stanza)
		}
		r.pass(&e)
	}
}

// abort ends the wait for what was missed. What the archive still has comes with the next
// join: so the live messages behind it are dropped here, and come then, too.
func (r *Room) abort() {
	if !r.catching || !r.archive {
		r.release(r.together())
		return
	}
	held := r.held
	r.catchUp = catchUp{}
	for _, e := range held {
		if e.key == 0 {
			r.pass(&e)
		}
	}
}

// hold emits a live event, or lets it wait for what was missed before it.
func (r *Room) hold(e *Event) {
	if !r.catching && r.state != Joining {
		r.pass(e)
		return
	}
	r.held = append(r.held, *e)
	r.bytes += len(e.Stanza.XML())
	if len(r.held) >= maxHeld || r.bytes >= maxBytes {
		r.release(r.together())
	}
}

// pass emits an event and moves the mark.
func (r *Room) pass(e *Event) {
	if e.Kind == Message || e.Kind == Private {
		e.Stanza = r.believed(e.Stanza, e.Kind == Message, e.Missed)
	}
	if e.key != 0 {
		r.saw(e.key, e.when)
	}
	r.emit(e)
}
