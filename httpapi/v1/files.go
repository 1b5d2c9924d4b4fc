package v1

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/upload"
)

// formBytes is what the parts of a form may have besides the file.
const formBytes = 1 << 20

// files serves /v1/files.
type files struct {
	all     *upload.Uploads
	domains func() []jid.JID // of our components
	errorLog
}

func (x files) routes(e errorLog) []httpapi.Route {
	post := e.route(http.MethodPost, "/v1/files", gateway.ScopeSend, with(x.post, "from", "name", "id"))
	post.Stream = func(r *http.Request) int64 {
		if isFetch(r) {
			return 0
		}
		return x.all.MaxBytes() + formBytes
	}
	return []httpapi.Route{post, e.route(http.MethodGet, "/v1/files/{id}", gateway.ScopeSend, without(x.show))}
}

// mediaOf returns the media type of a body; empty for none, and for what curl calls every
// body.
func mediaOf(r *http.Request) string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // a wrong one is none
	if media == "application/x-www-form-urlencoded" {
		return ""
	}
	return media
}

// isFetch reports whether a request to upload a file names its address: a JSON file itself
// comes with a name.
func isFetch(r *http.Request) bool {
	return mediaOf(r) == "application/json" && !r.URL.Query().Has("name")
}

// fileJSON is a file that was uploaded.
type fileJSON struct {
	ID     string `json:"id"`
	URL    string `json:"url"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Type   string `json:"type"`
	SHA256 string `json:"sha256"`
	Width  int64  `json:"width,omitempty"`
	Height int64  `json:"height,omitempty"`
}

func newFile(f upload.File) fileJSON {
	return fileJSON{f.ID, f.URL, f.Name, f.Size, f.Type, f.SHA256, f.Width, f.Height}
}

// post uploads a file: the body itself, that of a form, or one to fetch.
func (x files) post(w http.ResponseWriter, r *http.Request, values url.Values) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return &httpapi.Fault{Status: http.StatusUnsupportedMediaType, Text: "Content-Encoding: is not supported; send the file without one"}
	}
	if id := values.Get("id"); id != "" && !upload.ValidID(id) {
		return wrongf("id: write file_ and 8 to 64 letters, digits, - or _, or leave it out")
	}
	what := upload.Upload{ID: values.Get("id"), Name: values.Get("name")}
	var send func(ctx context.Context) (upload.File, error)
	from := values.Get("from")
	switch stream := httpapi.StreamOf(r); {
	case isFetch(r):
		var ask struct{ URL, Name, From string }
		if err := body(w, r, &ask); err != nil {
			return err
		}
		if ask.URL == "" {
			return wrongf("url: is missing; write the address of the file, or send the file itself with ?name=")
		}
		if ask.From != "" {
			from = ask.From
		}
		what.Name = ask.Name
		send = func(ctx context.Context) (upload.File, error) { return x.all.Fetch(ctx, what, ask.URL) }
	case stream == nil:
		return notUploaded(r.Context(), &upload.Error{Reason: upload.Empty})
	case mediaOf(r) == "multipart/form-data":
		f, err := newForm(r, stream)
		if err != nil {
			return err
		}
		part, err := f.file(map[string]*string{"from": &from, "name": &what.Name, "type": &what.Type})
		if err != nil {
			return err
		}
		what.Body, what.Size, what.Interrupt = part, -1, stream.Interrupt
		if what.Name == "" {
			what.Name = part.FileName()
		}
		if what.Type == "" {
			what.Type = part.Header.Get("Content-Type")
		}
		send = func(ctx context.Context) (upload.File, error) { return x.all.Put(ctx, what) }
	default:
		what.Body, what.Size, what.Interrupt, what.Type = stream, r.ContentLength, stream.Interrupt, mediaOf(r)
		send = func(ctx context.Context) (upload.File, error) { return x.all.Put(ctx, what) }
	}
	given, err := botOf(from)
	if err != nil {
		return err
	}
	who := httpapi.IdentityOf(r.Context())
	bot, err := who.Sender(given, x.domains())
	if err != nil {
		return httpapi.Refused(err)
	}
	what.Bot, what.Caller, what.Most = bot.Bare(), who.Name, who.MaxFile
	what.May = func(bot jid.JID) bool {
		_, err := who.Sender(bot, x.domains())
		return err == nil
	}
	ctx, release := httpapi.Hold(r.Context(), func(now httpapi.Identity) *httpapi.Fault {
		if _, err := now.Sender(bot, x.domains()); err != nil {
			return httpapi.Refused(err)
		}
		return httpapi.Needs(gateway.ScopeSend)(now)
	})
	defer release()
	f, err := send(ctx)
	if err != nil {
		return notUploaded(ctx, err)
	}
	return answer(w, http.StatusCreated, newFile(f))
}

// fileStateJSON is how an upload goes.
type fileStateJSON struct {
	State upload.State `json:"state"`
	Sent  int64        `json:"sent"`
	Size  *int64       `json:"size"` // null: not known yet
	File  *fileJSON    `json:"file"` // null: not done
}

// show shows callers their own uploads, and operators all.
func (x files) show(w http.ResponseWriter, r *http.Request) error {
	v, err := findFile(r, x.all, mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	st := fileStateJSON{State: v.State, Sent: v.Sent}
	if v.Size >= 0 {
		st.Size = &v.Size
	}
	if v.State == upload.Done {
		f := newFile(v.File)
		st.File = &f
	}
	return answer(w, http.StatusOK, st)
}

// findFile returns an upload of the caller; for operators, of any.
func findFile(r *http.Request, all *upload.Uploads, id string) (upload.Record, error) {
	who := httpapi.IdentityOf(r.Context())
	v, ok := all.Get(id, who.Name)
	if !ok && who.Can(gateway.ScopeAdmin) {
		v, ok = all.Get(id, "")
	}
	if !ok {
		return v, &httpapi.Fault{Status: http.StatusNotFound, Text: "this token uploaded no file with the id " + strings.ToValidUTF8(id, "") + " since the start of the process, or not in the last 24 hours; its url works all the same"}
	}
	return v, nil
}

// notUploaded returns how an error of package upload is answered.
func notUploaded(ctx context.Context, err error) error {
	if f := httpapi.Lost(ctx); f != nil {
		return f
	}
	switch {
	case errors.Is(err, gateway.ErrDown):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: gateway.ErrDown.Error() + "; try again later, /readyz says when", RetryAfter: 5}
	case errors.Is(err, gateway.ErrBusy):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: gateway.ErrBusy.Error(), RetryAfter: 1}
	case httpapi.Overlong(err):
		return &httpapi.Fault{Status: http.StatusRequestEntityTooLarge, Text: "the file is larger than uploads.max_bytes"}
	case errors.Is(err, context.Canceled):
		return &httpapi.Fault{Status: httpapi.StatusGone, Text: "the caller has gone"}
	}
	e, ok := errors.AsType[*upload.Error](err)
	if !ok {
		return err
	}
	row := uploadFaults()[e.Reason]
	f := &httpapi.Fault{Status: row.status, RetryAfter: row.retry, Text: e.Error(), Members: map[string]any{"reason": e.Reason}}
	if e.MaxBytes > 0 {
		f.Members["max_bytes"] = e.MaxBytes
	}
	if e.Condition != "" {
		f.Members["condition"] = e.Condition
	}
	if e.Reason == upload.PutFailed && e.Status != 0 {
		f.Members["status_of_put"] = e.Status
	}
	if e.Reason == upload.Guarded && e.Putting {
		f.Status = http.StatusBadGateway
	}
	return f
}

type uploadFault struct{ status, retry int }

func uploadFaults() map[upload.Reason]uploadFault {
	return map[upload.Reason]uploadFault{
		upload.Empty:     {http.StatusBadRequest, 0},
		upload.Broken:    {http.StatusBadRequest, 0},
		upload.Slow:      {http.StatusRequestTimeout, 0},
		upload.TooLarge:  {http.StatusRequestEntityTooLarge, 0},
		upload.NoRoom:    {http.StatusInsufficientStorage, 60},
		upload.Share:     {http.StatusTooManyRequests, 1},
		upload.Busy:      {http.StatusServiceUnavailable, 1},
		upload.NoService: {http.StatusNotImplemented, 0},
		upload.Silent:    {http.StatusGatewayTimeout, 0},
		upload.Forbidden: {http.StatusForbidden, 0},
		upload.Quota:     {http.StatusTooManyRequests, 3600},
		upload.Refused:   {http.StatusUnprocessableEntity, 0},
		upload.Guarded:   {http.StatusUnprocessableEntity, 0},
		upload.PutFailed: {http.StatusBadGateway, 0},
		upload.Source:    {http.StatusBadGateway, 0},
		upload.Stopped:   {httpapi.StatusGone, 0},
		upload.Taken:     {http.StatusConflict, 0},
	}
}
