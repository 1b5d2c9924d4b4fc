package message

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"stanzahook/pkg/stanza"
)

const nsHashes = "urn:xmpp:hashes:2"

// File is a file that is sent. What is not known is zero; the URL is.
type File struct {
	URL           string
	Name          string
	Size          int64
	Type          string
	SHA256        string // in hexadecimal digits
	Width, Height int64
}

// XML returns the content of a message that is this file alone: its address as the body and as
// in XEP-0066, which some programs show as a picture only if the body is nothing else, and
// what is known of it as in XEP-0447.
func (f *File) XML() string {
	how := "attachment"
	if kind, _, _ := strings.Cut(f.Type, "/"); kind == "image" || kind == "audio" || kind == "video" {
		how = "inline"
	}
	b := []byte("<body>")
	b = stanza.AppendText(b, f.URL)
	b = append(b, "</body><x xmlns='"+nsOOB+"'><url>"...)
	b = stanza.AppendText(b, f.URL)
	b = append(b, "</url></x><file-sharing xmlns='"+nsFiles+"' disposition='"+how+"'><file xmlns='"+nsMetadata+"'>"...)
	for _, part := range [...]struct{ name, value string }{
		{"media-type", f.Type}, {"name", f.Name}, {"size", digits(f.Size)}, {"width", digits(f.Width)}, {"height", digits(f.Height)},
	} {
		if part.value != "" {
			b = append(b, stanza.TextElement(part.name, part.value)...)
		}
	}
	if sum, err := hex.DecodeString(f.SHA256); err == nil && len(sum) > 0 {
		b = append(b, "<hash xmlns='"+nsHashes+"' algo='sha-256'>"+base64.StdEncoding.EncodeToString(sum)+"</hash>"...)
	}
	b = append(b, "</file><sources><url-data xmlns='"+nsURLData+"'"...)
	b = stanza.AppendAttr(b, "target", f.URL)
	return string(append(b, "/></sources></file-sharing><fallback xmlns='"+nsFallback+"' for='"+nsFiles+"'><body/></fallback>"...))
}

func digits(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// FileWish is a file that somebody wants to send, as HTTP callers and webhooks write it: one
// that was uploaded, one that others can get, or one to fetch and upload.
type FileWish struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	Fetch string `json:"fetch"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"`
}

// MaxFiles bounds the files of one message.
const MaxFiles = 20

// maxFileText bounds a text of a wish, in bytes.
const maxFileText = 4096

// ReadFiles reads the key files of a JSON object.
func ReadFiles(value json.RawMessage) ([]FileWish, error) {
	var all []FileWish
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil || len(all) == 0 {
		return nil, errors.New(`files: an array is expected, of {"id": "file_…"}, {"url": "https://…"} with name, type and size, or {"fetch": "https://…"}`)
	}
	if len(all) > MaxFiles {
		return nil, fmt.Errorf("files: %d at most", MaxFiles)
	}
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, fmt.Errorf("files[%d]: %w", i, err)
		}
	}
	return all, nil
}

func (w *FileWish) check() error {
	given := 0
	for _, text := range [...]string{w.ID, w.URL, w.Fetch} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("write one of id, url and fetch")
	case w.ID != "" && (w.Name != "" || w.Type != "" || w.Size != 0):
		return errors.New("id: the file has a name, a type and a size already; leave them out")
	case w.Size < 0 || w.Fetch != "" && w.Size != 0:
		return errors.New("size: a number of bytes goes with url")
	}
	for _, text := range [...]string{w.ID, w.URL, w.Fetch, w.Name, w.Type} {
		if len(text) > maxFileText || stanza.CheckText(text) >= 0 {
			return fmt.Errorf("a text is longer than %d bytes, or holds a character XML forbids", maxFileText)
		}
	}
	if w.URL == "" {
		return nil
	}
	if u, err := url.Parse(w.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.ContainsAny(w.URL, " \t\r\n") {
		return errors.New("url: an http or https URL is expected")
	}
	return nil
}

// File returns the file of a wish that has a URL.
func (w *FileWish) File() File { return File{URL: w.URL, Name: w.Name, Type: w.Type, Size: w.Size} }
