package hook

// discord reads what webhooks of Discord take: content and embeds.
func discord() adapter {
	return adapter{needsText: true, read: func(_ *Hook, r *Request) (reading, error) {
		o, err := r.object("payload_json")
		if err != nil {
			return reading{}, err
		}
		all := []string{mdtext(text(o, "content"))}
		for _, e := range list(o, "embeds") {
			all = append(all, discordEmbed(e))
		}
		return reading{once: r.header("Idempotency-Key"), parts: []part{{data: o, text: lines(all...)}}}, nil
	}}
}

func discordEmbed(e any) string {
	all := []string{mdtext(text(e, "author", "name"))}
	if title := text(e, "title"); title != "" {
		all = append(all, linked(mdtext(title), text(e, "url")))
	} else {
		all = append(all, text(e, "url"))
	}
	all = append(all, mdtext(text(e, "description")))
	for _, f := range list(e, "fields") {
		all = append(all, mdtext(text(f, "name"))+": "+mdtext(text(f, "value")))
	}
	return lines(append(all, text(e, "image", "url"), mdtext(text(e, "footer", "text")))...)
}
