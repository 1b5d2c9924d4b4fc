package command

import (
	"strings"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// Statuses of a run.
const (
	Executing = "executing"
	Completed = "completed"
	Canceled  = "canceled"
)

// Types of notes.
const (
	NoteInfo  = "info"
	NoteWarn  = "warn"
	NoteError = "error"
)

// Note is a text about a step.
type Note struct{ Type, Text string }

// Reply is what somebody gets.
type Reply struct {
	Session, Status string
	Note            *Note
	Form            *form.Form // of Executing
	Values          form.Values
	Prev            bool // there is a step before
	Result          *form.Result
}

// XML returns the <command/> of a reply.
func (r *Reply) XML(node string) string {
	b := stanza.AppendAttr([]byte("<command xmlns='"+NS+"'"), "node", node)
	b = stanza.AppendAttr(stanza.AppendAttr(b, "sessionid", r.Session), "status", r.Status)
	b = append(b, '>')
	if r.Form != nil {
		b = append(b, r.actions()...)
	}
	if r.Note != nil {
		b = append(stanza.AppendAttr(append(b, "<note"...), "type", r.Note.Type), '>')
		b = append(stanza.AppendText(b, stanza.Clean(r.Note.Text)), "</note>"...)
	}
	switch {
	case r.Form != nil:
		b = append(b, r.Form.XML(r.Values)...)
	case r.Result != nil:
		b = append(b, r.Result.XML()...)
	}
	return string(append(b, "</command>"...))
}

// actions are what may be done with a form (XEP-0050 section 3.4).
func (r *Reply) actions() string {
	prev := ""
	if r.Prev {
		prev = "<prev/>"
	}
	if r.Form.More {
		return "<actions execute='next'>" + prev + "<next/></actions>"
	}
	return "<actions execute='complete'>" + prev + "<complete/></actions>"
}

// Lines returns a reply for people who read a chat, without the questions of its form.
func (r *Reply) Lines() string {
	var lines []string
	if r.Note != nil {
		lines = append(lines, r.Note.Text)
	}
	switch {
	case r.Form != nil:
		for _, text := range [...]string{r.Form.Title, r.Form.Instructions} {
			if text != "" {
				lines = append(lines, text)
			}
		}
		for i := range r.Form.Fields {
			if f := &r.Form.Fields[i]; f.Type == form.Fixed {
				lines = append(lines, f.Text())
			}
		}
	case r.Result != nil:
		lines = append(lines, r.Result.Lines())
	case r.Status == Canceled:
		lines = append(lines, "Canceled.")
	}
	return strings.Join(lines, "\n")
}
