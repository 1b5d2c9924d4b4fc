package delivery

import (
	"strconv"

	"go.uber.org/zap"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// What was logged of an endpoint's answers since its configuration was read.
const (
	loggedNoReply uint32 = 1 << iota
	loggedReplaced
)

// logAnswer logs what the people who run an endpoint should know of an answer: a note
// once, and messages that it refused or answered with what cannot be read, once a
// minute for each status.
// In the formats of the modules most other errors are what a bot says to people.
func (w *Worker) logAnswer(ev *webhook.Event, v *webhook.Verdict, at *deliverylog.Attempt) {
	now := w.current.Load()
	if v.Note.NoReply != "" && now.firstTime(loggedNoReply) {
		w.log.Warn("no reply in the answer of the endpoint; this is logged once", about(ev, zap.String("note", at.Note))...)
	}
	if v.Note.Replaced > 0 && now.firstTime(loggedReplaced) {
		w.log.Warn("characters in the answer of the endpoint replaced; this is logged once", about(ev, zap.String("note", at.Note))...)
	}
	if v.Outcome == webhook.Refused && (now.e.Format == webhook.FormatEvent || v.Status/100 == 2 || v.Status == 400 || v.Status == 413 || v.Status == 422) {
		w.repeats.Log(w.log, zap.WarnLevel, "message refused "+strconv.Itoa(v.Status), "message refused", about(ev, zap.Int("status", v.Status), zap.String("reason", v.Reason))...)
	}
}

// firstTime reports whether a note was not logged yet.
func (s *setup) firstTime(what uint32) bool { return s.logged.Or(what)&what == 0 }
