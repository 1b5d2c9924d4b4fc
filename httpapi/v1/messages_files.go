package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
)

// maxMessagePart bounds the JSON of a message in a form.
const maxMessagePart = 192 << 10

// sharing is what goes with a message: files, named or behind it in a form.
type sharing struct {
	wishes []message.FileWish
	form   *following
	alone  bool           // there is no text
	what   *message.Draft // that the first file does, if there is no text
	ref    message.Ref    // of what
	files  []message.File // once they are uploaded
}

// following are the files behind a message in a form.
type following struct {
	*form
	stream *httpapi.Streamed
}

func (s *sharing) any() bool { return len(s.wishes) > 0 || s.form != nil }

// prepare checks that files go with a message. Without a text its content is that of the first
// file, which is not known yet.
func (s *sharing) prepare(what *message.Draft, f *restjson.Fields) error {
	if what.Does != message.None && what.Does != message.Said {
		return &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: "files: goes not with " + what.Key() + "; send two messages"}
	}
	s.what = what
	if f.Inner == "" {
		if len(what.Buttons) > 0 {
			return wrongf("buttons: %s", message.ErrNoBody)
		}
		s.alone = true
		f.Inner = (&message.File{}).XML()
	}
	return nil
}

// streams is httpapi.Route.Stream: the files of a form come as they do.
func (m messages) streams(r *http.Request) int64 {
	if m.uploads == nil || mediaOf(r) != "multipart/form-data" {
		return 0
	}
	return message.MaxFiles*m.uploads.MaxBytes() + formBytes
}

// composeForm makes a message of the part "message" of a form.
func (m messages) composeForm(r *http.Request, stream *httpapi.Streamed, what *message.Draft) (*draft, error) {
	f, err := newForm(r, stream)
	if err != nil {
		return nil, err
	}
	part, err := f.next()
	if err != nil {
		return nil, err
	}
	if part == nil || part.FormName() != "message" {
		return nil, wrongf(`message: the first part of the form is to be the message, as JSON; then come parts named "file"`)
	}
	text, err := f.text(part, maxMessagePart)
	if err != nil {
		return nil, err
	}
	data, err := document.Decode([]byte(text), "application/json", document.JSON)
	if err != nil {
		return nil, wrongf("message: %s", err)
	}
	return m.composeOf(r, data, what, nil, &following{f, stream})
}

// upload uploads the files of a message, and returns the messages that are to be sent: the
// text, if there is one, and one for each file.
//
// Killed meanwhile: nothing was sent.
func (m messages) upload(ctx context.Context, r *http.Request, d *draft) ([]*stanza.Stanza, error) {
	may := httpapi.MaySend(d.stanza, m.sender.Domains())
	ctx, release := httpapi.Hold(ctx, may)
	defer release()
	defer context.AfterFunc(r.Context(), release)()
	var found []message.File
	who := httpapi.IdentityOf(r.Context())
	for i, w := range d.sharing.wishes {
		f, err := m.wished(ctx, r, d, who, w)
		if err != nil {
			return nil, inFile(i, notUploaded(ctx, err))
		}
		found = append(found, f)
	}
	if form := d.sharing.form; form != nil {
		for {
			part, err := form.next()
			if err != nil {
				return nil, err
			}
			if part == nil {
				break
			}
			if part.FormName() != "file" || len(found) == message.MaxFiles {
				return nil, wrongf("%.40q: behind the message come at most %d parts, named file", part.FormName(), message.MaxFiles)
			}
			f, err := m.uploads.Put(ctx, upload.Upload{Bot: d.header.From.Bare(), Caller: who.Name, Most: who.MaxFile, Name: part.FileName(), Type: part.Header.Get("Content-Type"), Size: -1, Body: part, Interrupt: form.stream.Interrupt})
			if err != nil {
				return nil, inFile(len(found), notUploaded(ctx, err))
			}
			found = append(found, f.File)
		}
	}
	if len(found) == 0 {
		return nil, wrongf("file: the form has no part of this name")
	}
	return d.withFiles(found)
}

// inFile says which file is meant.
func inFile(i int, err error) error {
	if f, ok := errors.AsType[*httpapi.Fault](err); ok {
		f.Text = fmt.Sprintf("files[%d]: %s; nothing was sent", i, f.Text)
	}
	return err
}

// wished returns the file that a caller has named.
func (m messages) wished(ctx context.Context, r *http.Request, d *draft, who httpapi.Identity, w message.FileWish) (message.File, error) {
	switch {
	case w.URL != "":
		return w.File(), nil
	case w.Fetch != "":
		f, err := m.uploads.Fetch(ctx, upload.Upload{Bot: d.header.From.Bare(), Caller: who.Name, Most: who.MaxFile, Name: w.Name, Type: w.Type}, w.Fetch)
		return f.File, err
	}
	v, err := findFile(r, m.uploads, w.ID)
	switch {
	case err != nil:
		return message.File{}, err
	case v.State == upload.Uploading:
		return message.File{}, &httpapi.Fault{Status: http.StatusConflict, Text: "the file " + w.ID + " is uploaded still; try again", RetryAfter: 1}
	case v.State == upload.Failed:
		return message.File{}, &httpapi.Fault{Status: http.StatusConflict, Text: "the upload of the file " + w.ID + " has failed"}
	}
	return v.File.File, nil
}

// withFiles returns the messages of a draft: the text, if there is one, and one for each file.
// Their ids follow from that of the draft.
func (d *draft) withFiles(found []message.File) ([]*stanza.Stanza, error) {
	var all []*stanza.Stanza
	id := d.header.ID
	if !d.sharing.alone {
		all = append(all, d.stanza)
	}
	for i := range found {
		one := *d
		one.inner = found[i].XML()
		if len(all) == 0 {
			inner, written, err := d.sharing.what.Write(d.sharing.ref, one.inner, "")
			if err != nil {
				return nil, err
			}
			// a quote would be before the address in the body, which is to be that alone
			one.inner, d.written.NoReply, d.written.NotQuote = inner, written.NoReply, d.sharing.what.Quote
		} else {
			id = d.header.ID + "-" + strconv.Itoa(i+1)
		}
		if err := one.build(id); err != nil {
			return nil, err
		}
		all = append(all, one.stanza)
	}
	d.sharing.files = found
	d.stanza = all[0]
	return all, nil
}

// sentFileJSON is the message of a file.
type sentFileJSON struct {
	ID     string `json:"id"`
	Ref    string `json:"ref"`
	URL    string `json:"url"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// sendFiles sends the messages of files after the first message, and returns what became of
// all files. What follows one that cannot be sent is not sent.
//
// Killed meanwhile: the caller has no answer, and a part may be sent; a repeated request with
// the same Idempotency-Key sends the same ids.
func (m messages) sendFiles(ctx context.Context, d *draft, first *stanza.Stanza, state gateway.State, following []*stanza.Stanza, how gateway.Sending) []sentFileJSON {
	var all []sentFileJSON
	add := func(s *stanza.Stanza, state gateway.State, why string) {
		all = append(all, sentFileJSON{s.ID, message.Sent(s, d.private).String(), d.sharing.files[len(all)].URL, string(state), why})
	}
	if d.sharing.alone {
		add(first, state, "")
	}
	failed := ""
	for _, s := range following {
		if failed != "" {
			add(s, "failed", failed)
			continue
		}
		how.Ref = message.Sent(s, d.private).String()
		state, err := m.send(context.WithoutCancel(ctx), s, how)
		if err != nil {
			failed, state = "internal error", "failed"
			if f := httpapi.Unsent(s, err); f != nil {
				failed = f.Text
			}
		}
		add(s, state, failed)
	}
	return all
}
