package hook

import "strings"

// slack reads what incoming webhooks and chat.postMessage of Slack take: text, blocks and
// attachments.
func slack() adapter {
	return adapter{needsText: true, threads: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := slackPayload(r)
		if err != nil {
			return reading{}, err
		}
		body := slackBlocks(list(o, "blocks"), slacktext)
		if body == "" {
			body = slackOwn(o)
		}
		body = lines(body, slackAttachments(o, slacktext))
		return reading{once: r.header("Idempotency-Key"), target: text(o, "channel"), of: text(o, "ts"), parts: []part{{data: o, text: body, thread: text(o, "thread_ts")}}}, nil
	}}
}

// slackOwn is the text beside blocks and attachments; mrkdwn: false means that it has no
// markup.
func slackOwn(o map[string]any) string {
	if o["mrkdwn"] == false {
		return slackEntities.Replace(text(o, "text"))
	}
	return slacktext(text(o, "text"))
}

// slackPayload decodes a payload: JSON, payload= of a form, or the fields of a form
// themselves, whose blocks and attachments are JSON (chat.postMessage).
func slackPayload(r *Request) (map[string]any, error) {
	form, ok, err := r.form()
	if err != nil || !ok || form.Has("payload") {
		if err != nil {
			return nil, err
		}
		return r.object("payload")
	}
	o := make(map[string]any)
	for name := range form {
		o[name] = form.Get(name)
	}
	for _, name := range []string{"blocks", "attachments"} {
		if form.Get(name) == "" {
			continue
		}
		if o[name], err = decode([]byte(form.Get(name))); err != nil {
			return nil, unreadable("%s is not JSON", name)
		}
	}
	if len(o) == 0 {
		return nil, unreadable("the body is a form without payload")
	}
	return o, nil
}

// slackBlocks is the text of blocks, a line or more each.
func slackBlocks(blocks []any, plain func(string) string) string {
	var all []string
	for _, b := range blocks {
		switch text(b, "type") {
		case "header", "section":
			all = append(all, slackText(get(b, "text"), plain))
			for _, f := range list(b, "fields") {
				all = append(all, strings.ReplaceAll(slackText(f, plain), "\n", " "))
			}
			all = append(all, slackButton(get(b, "accessory")))
		case "context":
			var words []string
			for _, e := range list(b, "elements") {
				words = append(words, linked(slackText(e, plain), text(e, "image_url")))
			}
			all = append(all, strings.Join(words, " "))
		case "image":
			title := slackText(get(b, "title"), plain)
			if title == "" {
				title = text(b, "alt_text")
			}
			all = append(all, linked(title, text(b, "image_url")))
		case "actions":
			for _, e := range list(b, "elements") {
				all = append(all, slackButton(e))
			}
		case "rich_text":
			for _, e := range list(b, "elements") {
				all = append(all, richText(e, 0))
			}
		case "markdown":
			all = append(all, mdtext(text(b, "text")))
		}
	}
	return lines(all...)
}

// slackText is the text of a text object, or of a text where an object should be.
func slackText(v any, plain func(string) string) string {
	if s := text(v); s != "" {
		return plain(s)
	}
	if text(v, "type") == "plain_text" {
		return emoji(text(v, "text"))
	}
	return plain(text(v, "text"))
}

// slackButton is a button that opens an address.
func slackButton(v any) string {
	url := text(v, "url")
	if url == "" {
		return ""
	}
	label := text(v, "text", "text")
	if label == "" {
		label = text(v, "text")
	}
	if label == "" {
		return url
	}
	return emoji(label) + ": " + url
}

// richText is the text of an element of rich text, and of those in it.
func richText(v any, depth int) string {
	if depth > 8 {
		return ""
	}
	var b strings.Builder
	for i, e := range list(v, "elements") {
		inside := richText(e, depth+1)
		switch kind := text(e, "type"); kind {
		case "text":
			b.WriteString(styled(text(e, "text"), get(e, "style")))
		case "link":
			b.WriteString(linked(text(e, "text"), text(e, "url")))
		case "emoji":
			b.WriteString(emoji(":" + text(e, "name") + ":"))
		case "user":
			b.WriteString("@" + text(e, "user_id"))
		case "channel":
			b.WriteString("#" + text(e, "channel_id"))
		case "broadcast":
			b.WriteString("@" + text(e, "range"))
		default:
			if i > 0 {
				b.WriteByte('\n')
			}
			if text(v, "type") == "rich_text_list" {
				b.WriteString("- ")
			}
			b.WriteString(inside)
		}
	}
	out := b.String()
	switch text(v, "type") {
	case "rich_text_preformatted":
		return "```\n" + out + "\n```"
	case "rich_text_quote":
		return "> " + strings.ReplaceAll(out, "\n", "\n> ")
	}
	return out
}

// styled writes a style as in XEP-0393.
func styled(s string, style any) string {
	for _, rule := range []struct{ name, mark string }{{"code", "`"}, {"bold", "*"}, {"italic", "_"}, {"strike", "~"}} {
		if get(style, rule.name) == true && strings.TrimSpace(s) == s && s != "" {
			s = rule.mark + s + rule.mark
		}
	}
	return s
}

// slackAttachments is the text of attachments, also those of Mattermost.
func slackAttachments(o map[string]any, plain func(string) string) string {
	var all []string
	for _, a := range list(o, "attachments") {
		one := []string{plain(text(a, "pretext"))}
		if author := text(a, "author_name"); author != "" {
			one = append(one, linked(plain(author), text(a, "author_link")))
		}
		if title := text(a, "title"); title != "" {
			one = append(one, linked(plain(title), text(a, "title_link")))
		}
		one = append(one, plain(text(a, "text")), slackBlocks(list(a, "blocks"), plain))
		for _, f := range list(a, "fields") {
			title, value := plain(text(f, "title")), plain(text(f, "value"))
			if title != "" {
				value = title + ": " + value
			}
			one = append(one, value)
		}
		for _, b := range list(a, "actions") {
			one = append(one, slackButton(b))
		}
		one = append(one, text(a, "image_url"), plain(text(a, "footer")))
		body := lines(one...)
		if body == "" {
			body = plain(text(a, "fallback"))
		}
		all = append(all, body)
	}
	return lines(all...)
}
