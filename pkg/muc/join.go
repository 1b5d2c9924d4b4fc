package muc

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/stanza"
)

// Connected joins the room; the connection is up. It does nothing if the room has
// refused us.
func (r *Room) Connected(now time.Time) Output {
	r.online = true
	if r.state == Waiting {
		r.join(now)
	}
	return r.take()
}

// Disconnected notes the end of the connection.
func (r *Room) Disconnected(now time.Time) Output {
	r.online = false
	if r.state == Joining || r.state == Joined {
		r.abort()
		r.become(now, Waiting)
	}
	r.pause = 0
	r.stopAll()
	return r.take()
}

// Retry joins a room that has refused us, or one that waits.
func (r *Room) Retry(now time.Time) Output {
	if r.state == Joined || r.state == Joining {
		return r.take()
	}
	r.become(now, Waiting)
	r.refusal, r.pause, r.kicks = Refusal{}, 0, nil
	if r.online {
		r.join(now)
	}
	return r.take()
}

// SetPassword is for the next join.
func (r *Room) SetPassword(password string) { r.o.Password = password }

// SetNick wants another nick, which CheckNick has checked.
func (r *Room) SetNick(now time.Time, nick string) Output {
	nick = prepared(nick)
	r.o.Nick, r.renameTo = nick, ""
	switch {
	case r.state != Joined && r.state != Joining:
		r.nick = nick
	case r.state == Joined && r.nick != nick:
		r.renameTo = nick
		r.takeNick(now)
	}
	return r.take()
}

// takeNick asks for the wanted nick. Prosody 0.12 destroys a room that does not stay when its
// only occupant changes the nick, and tells nobody: a ping shows whether the room is there.
func (r *Room) takeNick(now time.Time) {
	r.sendPresence(r.o.Nick, "", "")
	if r.alone() && r.known {
		r.askSelf(now, r.o.Nick)
	}
}

// Update sends what the bot's presence carries now.
func (r *Room) Update() Output {
	switch r.state {
	case Joined:
		r.sendPresence(r.nick, "", "")
	case Joining:
		r.outdated = true
	}
	return r.take()
}

// Leave leaves the room for good.
func (r *Room) Leave(now time.Time, status string) Output {
	// While it waits, the room may still have the bot of an earlier stay.
	if r.online && (r.state == Joined || r.state == Joining || r.state == Waiting && r.lastNick() != "") {
		inner := ""
		if status != "" {
			inner = stanza.TextElement("status", status)
		}
		r.sendPresence(r.nick, "unavailable", inner)
	}
	r.abort()
	r.stopAll()
	r.become(now, Left)
	r.reset()
	return r.take()
}

// join joins the room, or asks for its state anew. The first try is with the nick of the
// last stay: ejabberd takes a join with another nick, of somebody it still has, as a change
// of the nick, and does not send the state of the room.
func (r *Room) join(now time.Time) {
	r.try = 0
	if nick := r.lastNick(); nick != "" && nick != r.o.Nick {
		r.try = -1
	}
	r.attempt(now)
}

// attempt sends the presence that joins the room.
func (r *Room) attempt(now time.Time) {
	r.abort()
	r.stopAll()
	r.become(now, Joining)
	r.itself, r.arranged, r.remark, r.made, r.renameTo, r.outdated = false, true, "", false, "", false
	r.known = false // who is not in does not hear that the configuration changes
	r.generation++
	r.uncounted = nil
	r.begin(now)
	r.nick = r.tryNick()
	r.at.set(joinTimer, now.Add(joinWait))
	inner := ""
	if r.o.Password != "" {
		inner = stanza.TextElement("password", r.o.Password)
	}
	r.sendPresence(r.nick, "", "<x xmlns='"+nsMUC+"'>"+inner+r.historyElement()+"</x>")
}

// tryNick returns the nick of a try: that of the last stay, Echo, Echo-2 … Echo-9.
func (r *Room) tryNick() string {
	switch r.try {
	case -1:
		return r.lastNick()
	case 0:
		return r.o.Nick
	}
	return r.o.Nick + "-" + strconv.Itoa(int(r.try)+1)
}

const maxTries = 9

// pauseFor waits before the next attempt, each time longer.
func (r *Room) pauseFor(now time.Time, why Refusal) {
	r.abort()
	r.stopAll()
	r.become(now, Waiting)
	r.refusal = why
	if !r.online {
		return
	}
	r.pause = min(max(2*r.pause, firstPause), longPause)
	r.at.set(retryTimer, now.Add(r.jittered(r.pause)))
}

// jittered spreads a duration over 75 % to 125 %.
func (r *Room) jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + r.o.Jitter()/2))
}

// Refuse puts a room that refused us before a restart back into that state.
func (r *Room) Refuse(now time.Time, why Refusal) { r.refuse(now, why) }

// refuse ends the stay, or the attempt, for good.
func (r *Room) refuse(now time.Time, why Refusal) {
	r.abort()
	r.stopAll()
	r.become(now, Refused)
	r.refusal = why
	r.reset()
}

// onJoinError handles the error that answers a join, or a change of the nick.
func (r *Room) onJoinError(now time.Time, s *stanza.Stanza) {
	e, _ := s.StanzaError()
	nick := s.From.Resource()
	if r.state == Joined && r.renameTo != "" && sameNick(nick, r.renameTo) {
		r.renameTo = "" // the nick stays as it is
	}
	if r.state == Joined && r.at.isSet(pongTimer) && nick == r.pinged.Resource() {
		r.silence(now) // the room is there
	}
	if r.state != Joining || nick != "" && !sameNick(nick, r.nick) {
		return
	}
	if r.itself {
		return
	}
	if e.Condition == stanza.Conflict {
		if r.try++; r.try < maxTries {
			r.attempt(now)
			return
		}
	}
	why := Refusal{Condition: e.Condition, Text: e.Text}
	if deniesCreation(e) {
		if why.Creation = r.o.Create; !r.o.Create {
			why = notThere
		}
	}
	if final(e) && !unreachable(e) {
		r.refuse(now, why)
	} else {
		r.pauseFor(now, why)
	}
}

// final reports whether a room will say the same again, until somebody changes something.
// A new room of Prosody is locked with item-not-found until its owner has configured it; a
// full room says service-unavailable.
func final(e *stanza.Error) bool {
	if e.Type == stanza.Wait {
		return false
	}
	switch e.Condition {
	case stanza.NotAuthorized, stanza.RegistrationRequired, stanza.Forbidden, stanza.NotAllowed, stanza.NotAcceptable,
		stanza.JIDMalformed, stanza.Gone, stanza.Redirect, stanza.BadRequest, stanza.FeatureNotImplemented, stanza.PolicyViolation:
		return true
	}
	return false
}

// notThere is why a bot is not in a room that it must not make.
var notThere = Refusal{Condition: stanza.ItemNotFound, Text: "the room does not exist"}

// deniesCreation reports whether an error says that the room is not there, and that we may
// not make it. XEP-0045 section 10.1.1 has not-allowed for that, so does Prosody; ejabberd
// says forbidden. Both have a text: others refuse with these conditions for other reasons.
func deniesCreation(e *stanza.Error) bool {
	return (e.Condition == stanza.NotAllowed || e.Condition == stanza.Forbidden) && strings.Contains(strings.ToLower(e.Text), "room creation")
}

// unreachable reports whether not the room has refused us but its server, which does not
// know the service; it may be starting. ejabberd and Prosody say so with these texts.
func unreachable(e *stanza.Error) bool {
	return e.Condition == stanza.Forbidden && e.Text == "Access denied by service policy" ||
		e.Condition == stanza.NotAllowed && strings.HasPrefix(e.Text, "Communication with remote domains")
}

// complete ends a join, once everything is there.
func (r *Room) complete(now time.Time) {
	if r.state != Joining || !r.itself || r.at.isSet(subjectTimer) || !r.arranged {
		return
	}
	r.stop(joinTimer)
	r.become(now, Joined)
	r.refusal, r.pause = Refusal{}, 0
	r.sweep()
	r.silence(now)
	r.emit(&Event{Kind: RoomJoined, Occupant: r.author(r.nick), Own: true, Text: r.remark})
	r.look(now)
	if r.nick != r.o.Nick && r.find(r.o.Nick) == nil {
		r.takeNick(now) // it has become free meanwhile
	} else if r.outdated {
		r.sendPresence(r.nick, "", "")
	}
	r.outdated = false
}

// onOwnLeave handles the unavailable presence of the own nick.
func (r *Room) onOwnLeave(now time.Time, from string, u user, alternative string, destroyed bool, status string) {
	if nick := fromServer(u.item("nick")); u.has(303) && nick != "" && len(nick) <= maxResource {
		r.renameTo = ""
		r.rename(r.nick, nick)
		r.nick = nick
		r.used(nick)
		if r.state == Joining && !r.itself && from != nick {
			// The room still had us, with another nick than that of the join, and has changed
			// it: ejabberd does not send its state then. With the nick that we have now, it does.
			r.join(now)
		}
		return
	}
	if r.state == Joining && !r.itself {
		return // it ends an earlier stay; the answer to the join is behind it
	}
	left := Event{Kind: RoomLeft, Reason: LeftServer, Occupant: Occupant{Nick: r.nick}, Actor: u.actor, Text: u.reason, Alternative: alternative, Own: true}
	if left.Text == "" {
		left.Text = status
	}
	for code, reason := range map[int]string{307: LeftKicked, 301: LeftBanned, 321: LeftMembersOnly, 322: LeftMembersOnly} {
		if u.has(code) {
			left.Reason, left.Code = reason, code
		}
	}
	for _, code := range []int{332, 333} { // also with 307
		if u.has(code) {
			left.Reason, left.Code = LeftServer, code
		}
	}
	if destroyed {
		left.Reason, left.Code = LeftDestroyed, 0
		r.traits = traits{} // the next room of this name is another one
	}
	r.abort()
	r.emit(&left)
	why := Refusal{Text: left.Reason}
	if left.Text != "" {
		why.Text += ": " + left.Text
	}
	if left.Reason == LeftServer {
		r.reset()
		r.pauseFor(now, why)
		return
	}
	r.refuse(now, why)
	r.kicks = slices.DeleteFunc(r.kicks, func(t time.Time) bool { return now.Sub(t) > time.Hour })
	if left.Reason == LeftKicked && r.o.Rejoin && len(r.kicks) < maxRejoins {
		r.kicks = append(r.kicks, now)
		r.become(now, Waiting)
		r.at.set(retryTimer, now.Add(kickPause))
	}
}

// ping asks the room whether we are still in it (XEP-0410).
func (r *Room) ping(now time.Time) {
	r.stop(pingTimer)
	if quiet := now.Sub(r.heard); quiet < r.o.SelfPing {
		r.at.set(pingTimer, r.heard.Add(r.o.SelfPing))
		return
	}
	r.askSelf(now, r.nick)
}

// askSelf asks the room whether we are in it with a nick.
func (r *Room) askSelf(now time.Time, nick string) {
	to, err := r.o.Room.WithResource(nick)
	if err != nil {
		return
	}
	r.stop(pingTimer)
	r.pinged = to
	r.send(stanza.Header{Kind: stanza.IQ, Type: "get", ID: r.newID(pongTimer, now.Add(pongWait)), From: r.o.Self, To: to}, "<ping xmlns='urn:xmpp:ping'/>")
}

// onPong handles the answer to a self-ping. item-not-found would mean that the nick has
// changed, but ejabberd says so of a room that is gone, too.
func (r *Room) onPong(now time.Time, s *stanza.Stanza) {
	r.silence(now)
	e, failed := s.StanzaError()
	if !failed {
		return
	}
	switch e.Condition {
	case stanza.ServiceUnavailable, stanza.FeatureNotImplemented: // of the room, or another client of ours
	case stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		r.pauseFor(now, Refusal{Condition: e.Condition, Text: e.Text})
	default:
		r.join(now)
	}
}

// silence begins anew to wait for a sign of the room.
func (r *Room) silence(now time.Time) {
	r.heard = now
	r.stop(pongTimer)
	if r.o.SelfPing > 0 && r.state == Joined && !r.at.isSet(pingTimer) {
		r.at.set(pingTimer, now.Add(r.jittered(r.o.SelfPing)))
	}
}
