package hook

import "strings"

// gotify reads what POST /message of Gotify takes: JSON or a form.
func gotify() adapter {
	return adapter{needsText: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := gotifyMessage(r)
		if err != nil {
			return reading{}, err
		}
		said := Said{Title: text(o, "title"), Message: text(o, "message")}
		said.Priority, _ = number(o["priority"])
		body := said.Message
		if body == "" {
			return reading{}, ErrNoText // Gotify requires it
		}
		if text(o, "extras", "client::display", "contentType") == "text/markdown" {
			body = mdtext(body)
		}
		title := said.Title
		if said.Priority >= 8 { // what its clients show at once
			if title == "" {
				body = "❗ " + body
			} else {
				title = "❗ " + title
			}
		}
		body = lines(title, body, text(o, "extras", "client::notification", "click", "url"))
		target := strings.Trim(strings.TrimSuffix("/"+strings.Trim(r.Path, "/"), "/message"), "/") // what stands before /message
		return reading{once: r.header("Idempotency-Key"), target: target, said: said, parts: []part{{data: o, text: body}}}, nil
	}}
}

func gotifyMessage(r *Request) (map[string]any, error) {
	form, ok, err := r.form()
	if err != nil {
		return nil, err
	}
	if !ok {
		return r.object()
	}
	o := make(map[string]any)
	for name := range form {
		o[name] = form.Get(name)
	}
	return o, nil
}
