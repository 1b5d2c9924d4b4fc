package message

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"path"
	"strconv"
	"strings"

	"stanzahook/pkg/stanza"
)

const (
	nsOOB       = "jabber:x:oob"
	nsFiles     = "urn:xmpp:sfs:0"
	nsReference = "urn:xmpp:reference:0"
	nsMedia     = "urn:xmpp:sims:1"
	nsURLData   = "http://jabber.org/protocol/url-data"
	nsFile5     = "urn:xmpp:jingle:apps:file-transfer:5"
	nsMetadata  = "urn:xmpp:file:metadata:0"
)

// maxAttachments bounds those of one message.
const maxAttachments = 100

// Attachment is a file of a message. What is unknown is nil.
type Attachment struct {
	URL       string  `json:"url"`
	Name      *string `json:"name"`
	Size      *int64  `json:"size"`
	Type      *string `json:"type"`
	Width     *int64  `json:"width"`
	Height    *int64  `json:"height"`
	SHA256    *string `json:"sha256"`
	Source    string  `json:"source"` // sfs, sims or oob
	Encrypted bool    `json:"encrypted"`
}

// Attachments returns the files of a message, each URL once: those of XEP-0447, of
// XEP-0385 and of XEP-0066, in this order, since the first say most.
func (f *Features) Attachments(s *stanza.Stanza) []Attachment {
	all := []Attachment{}
	if !f.files {
		return all
	}
	add := func(a Attachment) {
		for i := range all {
			if all[i].URL == a.URL {
				return
			}
		}
		if len(all) < maxAttachments && a.URL != "" {
			all = append(all, a.complete())
		}
	}
	for _, c := range s.Children() {
		switch {
		case c.Space != nsFiles:
		case c.Local == "file-sharing":
			add(ofSharing(s.Element(c)))
		case c.Local == "sources" && f.Attaches():
			add(Attachment{Source: "sfs"}.from(s.Element(c)))
		}
	}
	for _, c := range s.Children() {
		if c.Space == nsReference && c.Local == "reference" {
			add(ofReference(s.Element(c)))
		}
	}
	for _, c := range s.Children() {
		if c.Space == nsOOB && c.Local == "x" {
			if u := s.Element(c).Child(nsOOB, "url"); u != nil {
				add(Attachment{URL: strings.TrimSpace(u.Text), Source: "oob"})
			}
		}
	}
	return all
}

// complete adds what follows from the URL.
func (a Attachment) complete() Attachment {
	a.Encrypted = a.Encrypted || strings.HasPrefix(a.URL, "aesgcm:")
	if a.Name == nil {
		if u, err := url.Parse(a.URL); err == nil {
			if name := path.Base(u.Path); name != "." && name != "/" {
				a.Name = &name
			}
		}
	}
	return a
}

func ofSharing(e *stanza.Element) Attachment {
	a := Attachment{Source: "sfs"}
	if file := e.Child(nsMetadata, "file"); file != nil {
		a.describe(file)
	}
	if sources := e.Child(nsFiles, "sources"); sources != nil {
		a = a.from(sources)
	}
	return a
}

// from adds the address of a <sources/>.
func (a Attachment) from(sources *stanza.Element) Attachment {
	for i := range sources.Children {
		if c := &sources.Children[i]; c.Local == "url-data" && c.Space == nsURLData && a.URL == "" {
			a.URL, _ = c.Attr("target")
		} else if c.Local == "encrypted" && c.Space == "urn:xmpp:esfs:0" && a.URL == "" {
			a.Encrypted, a.URL = true, target(c)
		}
	}
	return a
}

// target returns the first URL inside an element.
func target(e *stanza.Element) string {
	for i := range e.Children {
		c := &e.Children[i]
		if u, ok := c.Attr("target"); ok && c.Local == "url-data" {
			return u
		}
		if u := target(c); u != "" {
			return u
		}
	}
	return ""
}

func ofReference(e *stanza.Element) Attachment {
	a := Attachment{Source: "sims"}
	media := e.Child(nsMedia, "media-sharing")
	if media == nil {
		return a
	}
	if file := media.Child(nsFile5, "file"); file != nil {
		a.describe(file)
	}
	if sources := media.Child(nsMedia, "sources"); sources != nil {
		for i := range sources.Children {
			if uri, _ := sources.Children[i].Attr("uri"); a.URL == "" && (strings.HasPrefix(uri, "http") || strings.HasPrefix(uri, "aesgcm:")) {
				a.URL = uri
			}
		}
	}
	return a
}

// describe reads a <file/>; both XEPs name its fields alike.
func (a *Attachment) describe(file *stanza.Element) {
	for i := range file.Children {
		c := &file.Children[i]
		text := strings.TrimSpace(c.Text)
		switch c.Local {
		case "name":
			a.Name = &text
		case "media-type":
			a.Type = &text
		case "size":
			a.Size = number(text)
		case "width":
			a.Width = number(text)
		case "height":
			a.Height = number(text)
		case "hash":
			if algo, _ := c.Attr("algo"); algo == "sha-256" {
				if sum, err := base64.StdEncoding.DecodeString(text); err == nil {
					digits := hex.EncodeToString(sum)
					a.SHA256 = &digits
				}
			}
		}
	}
}

func number(text string) *int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}
