package hook

import "strings"

// slackEntities are the only escapes in texts of Slack.
var slackEntities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// slacktext makes plain text of the markup of Slack: links, mentions and escapes. Bold,
// italic, struck and code are written as in XEP-0393, and stay. It takes time in proportion
// to the length, whatever the text is, and reads maxMarkup bytes of it.
func slacktext(s string) string {
	s = ofMarkup(s)
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<")
		b.WriteString(emoji(slackEntities.Replace(before)))
		if !ok {
			return b.String()
		}
		if end := strings.IndexAny(rest, "<>\n"); end >= 0 && rest[end] == '>' {
			b.WriteString(slackEntities.Replace(slackLink(rest[:end])))
			s = rest[end+1:]
			continue
		}
		b.WriteByte('<')
		s = rest
	}
}

// slackLink is what is between < and >.
func slackLink(s string) string {
	target, label, labelled := strings.Cut(s, "|")
	switch {
	case strings.HasPrefix(target, "!subteam^"), strings.HasPrefix(target, "!date^"):
		if labelled {
			return label
		}
		return "@" + strings.TrimPrefix(target, "!subteam^")
	case strings.HasPrefix(target, "!"):
		return "@" + target[1:]
	case strings.HasPrefix(target, "@"), strings.HasPrefix(target, "#"):
		if labelled && label != "" {
			return target[:1] + strings.TrimLeft(label, "@#")
		}
		return target
	case strings.HasPrefix(target, "mailto:"):
		if labelled {
			return label
		}
		return strings.TrimPrefix(target, "mailto:")
	case strings.Contains(target, "://"):
		return linked(label, target)
	}
	return "<" + s + ">" // no link of Slack
}
