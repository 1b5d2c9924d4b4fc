package message

import (
	"encoding/json"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Announces reports whether a message announces files, of which it has no address: the address
// comes when they are uploaded, in a message that is attached to this one (XEP-0447 section 4.3).
// Dino sends every file so that is not encrypted.
func (f *Features) Announces(s *stanza.Stanza) bool {
	if !f.files {
		return false
	}
	found := false
	for _, c := range s.Children() {
		switch {
		case c.Space == nsFiles && c.Local == "file-sharing":
			if a := ofSharing(s.Element(c)); a.URL != "" {
				return false
			}
			found = true
		case c.Space == nsOOB || c.Space == nsReference:
			return false
		}
	}
	return found
}

// What is announced is remembered under a peer that no message has, by the message and the id of
// the file, which is empty if there is none.
func announcedID(of *Ref, message, file string) string {
	return "file\x00" + of.Peer.String() + "\x00" + message + "\x00" + file
}

// announce remembers the files of a message that announces them.
//
// Killed: they are forgotten, and their addresses come without a name and a size.
func (r *Recent) announce(s *stanza.Stanza, h *Heard, author string, now time.Time) {
	message := h.Ref.inRoomElse(h.Ref.ID)
	if author == "" || message == "" {
		return
	}
	for i, c := range s.Children() {
		if c.Space != nsFiles || c.Local != "file-sharing" || i >= maxAttachments {
			continue
		}
		e := s.Element(c)
		file, _ := e.Attr("id")
		about, err := json.Marshal(ofSharing(e))
		if err != nil || len(about) > maxRecentBody {
			continue
		}
		r.add(&Ref{Own: h.Ref.Own, ID: announcedID(&h.Ref, message, file)}, h.Ref.String(), author, string(about), now)
	}
}

// attach finds what the author of a message has announced of the files that it brings the
// addresses of.
func (r *Recent) attach(s *stanza.Stanza, f *Features, h *Heard, author string, now time.Time) {
	if author == "" {
		return
	}
	all := f.Attachments(s)
	to, _ := s.ChildAttr(f.child, "id")
	for _, c := range s.Children() {
		if c.Space != nsFiles || c.Local != "sources" {
			continue
		}
		e := s.Element(c)
		file, _ := e.Attr("id")
		known, ok := r.findBy(author, h.Ref.Own, jid.JID{}, announcedID(&h.Ref, to, file), false, now)
		if !ok || known.Author != author {
			continue
		}
		var a Attachment
		if json.Unmarshal([]byte(known.Body), &a) != nil {
			continue
		}
		a = a.from(e)
		for i := range all {
			if all[i].URL == a.URL {
				all[i] = a.complete()
				h.Files = all
			}
		}
	}
}
