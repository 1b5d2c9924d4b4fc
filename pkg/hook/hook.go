package hook

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Options are the settings of a hook.
type Options struct {
	Adapter  string
	Template string   // of texts; empty: the adapter's own
	Thread   string   // a template of Text.Thread; empty: the adapter's own
	Update   string   // what a later text of a thread becomes: one of Updates; empty: UpdateReply
	Events   []string // the ones that are told; empty: all
	Split    bool     // a text for each alert
	MaxChars int      // of a text; 0: 4000
	Get      bool     // takes GET
}

// Hook makes notices of requests.
type Hook struct {
	Options
	adapter  adapter
	template *Template // nil: the adapter's own
	thread   *Template // nil: the adapter's own
}

// What a later text of a thread becomes.
const (
	UpdateReply   = "reply"   // a reply to the first message (XEP-0461), which a client shows as new
	UpdateCorrect = "correct" // a correction of the first message (XEP-0308), which no client rings for
	UpdateNew     = "new"     // a message of its own
)

// Updates are the words for Options.Update, the default first.
func Updates() []string { return []string{UpdateReply, UpdateCorrect, UpdateNew} }

// DefaultChars is how many characters a text may have if the options do not say.
const DefaultChars = 4000

// New returns a hook. Errors begin with the name of the option.
func New(o Options) (*Hook, error) {
	h := &Hook{Options: o}
	if h.MaxChars == 0 {
		h.MaxChars = DefaultChars
	}
	var ok bool
	if h.adapter, ok = adapterOf(o.Adapter); !ok {
		return nil, fmt.Errorf("adapter: %q is not known; write one of %s", o.Adapter, strings.Join(Adapters(), ", "))
	}
	for _, e := range o.Events {
		if !slices.Contains(h.adapter.events, e) {
			if len(h.adapter.events) == 0 {
				return nil, fmt.Errorf("events: the adapter %s has no events to choose from; remove it", o.Adapter)
			}
			return nil, fmt.Errorf("events: %q is none of %s", e, strings.Join(h.adapter.events, ", "))
		}
	}
	if o.Split && !h.adapter.splits {
		return nil, fmt.Errorf("split: is for alertmanager and grafana only; remove it")
	}
	switch o.Update {
	case "":
		h.Update = UpdateReply
	case UpdateReply, UpdateNew:
	case UpdateCorrect:
		if o.Thread == "" && !h.adapter.threads {
			return nil, fmt.Errorf("update: nothing that the adapter %s reads is a later state of something else; write thread, or remove it", o.Adapter)
		}
	default:
		return nil, fmt.Errorf("update: %q is none of %s", o.Update, strings.Join(Updates(), ", "))
	}
	for _, t := range []struct {
		key, text string
		into      **Template
	}{{"template", o.Template, &h.template}, {"thread", o.Thread, &h.thread}} {
		if t.text == "" {
			continue
		}
		parsed, err := ParseTemplate(t.key, t.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.key, err)
		}
		*t.into = parsed
	}
	return h, nil
}

// Read makes a notice of a request. Without Texts there is nothing to tell. Errors:
// ErrPayload, ErrNoText.
func (h *Hook) Read(r *Request) (Notice, error) {
	got, err := h.adapter.read(h, r)
	if err != nil {
		return Notice{}, err
	}
	n := Notice{Target: got.target, Of: got.of, Within: onceWithin, Event: got.event, Said: got.said}
	switch {
	case got.once != "": // what says something else is another delivery, whoever has used the id
		n.Once = got.once + " " + stateOf(string(r.Body))
	case got.state != "":
		n.Once, n.Within = got.state, sameWithin
	}
	if len(h.Events) > 0 && !slices.Contains(h.Events, got.event) {
		return n, nil
	}
	for _, p := range got.parts {
		if t, ok := h.text(p, r); ok {
			n.Texts = append(n.Texts, t)
		}
	}
	if len(n.Texts) == 0 && h.adapter.needsText && h.template == nil {
		return n, ErrNoText
	}
	return n, nil
}

// text makes the text of a part; ok is false for an empty one.
func (h *Hook) text(p part, r *Request) (t Text, ok bool) {
	body, own := p.text, p.own
	if h.template != nil {
		own = h.template
	}
	if own != nil {
		body, t.Cut = own.Run(p.data, r)
		if t.Cut != nil {
			body += "…"
		}
	}
	if t.Body = clean(body, h.MaxChars); t.Body == "" {
		return t, false
	}
	t.Thread = p.thread
	if h.thread != nil {
		key, err := h.thread.Run(p.data, r)
		if err != nil {
			t.Cut = errors.Join(t.Cut, err)
		}
		t.Thread = clean(key, 0)
	}
	if len(t.Thread) > maxThread { // not cut: two of the same beginning are two threads
		t.Thread = stateOf(t.Thread)
	}
	return t, true
}

// maxThread bounds the key of a thread, in bytes; the hash of a longer one stands for it.
const maxThread = 500
