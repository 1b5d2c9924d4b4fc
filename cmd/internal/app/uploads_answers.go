package app

import (
	"context"
	"errors"
	"fmt"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/upload"
	"stanzahook/pkg/webhook"
)

// filesOf returns the files that the answers of an endpoint name. The endpoint has a share of
// the uploads, as a caller has, and of that one for each person whom it answers: some files of
// an answer may be where somebody wants them to come slowly.
func (a *App) filesOf(e *webhook.Endpoint) webhook.Files {
	return func(ev *webhook.Event, w message.FileWish) (message.File, error) {
		switch {
		case w.URL != "":
			return w.File(), nil
		case w.ID != "":
			v, ok := a.uploads.Of(w.ID, ev.Stanza.To.Bare())
			if !ok || v.State == upload.Failed {
				return message.File{}, fmt.Errorf("no file with the id %q was uploaded by this bot since the start of the process, or not in the last 24 hours; upload it with from=%s", w.ID, ev.Stanza.To.Bare())
			}
			if v.State == upload.Uploading {
				return message.File{}, &webhook.NotNow{Err: fmt.Errorf("the file %q is uploaded still", w.ID)}
			}
			return v.File.File, nil
		}
		f, err := a.uploads.Fetch(a.stopping, upload.Upload{Bot: ev.Stanza.To.Bare(), Caller: "endpoint " + e.Name, Person: delivery.SenderOf(e, ev).String(), Name: w.Name, Type: w.Type}, w.Fetch)
		if e, ok := errors.AsType[*upload.Error](err); ok && e.Temporary() || err != nil && (errors.Is(err, gateway.ErrDown) || errors.Is(err, gateway.ErrBusy) || errors.Is(err, context.Canceled)) {
			err = &webhook.NotNow{Err: err}
		}
		return f.File, err
	}
}
