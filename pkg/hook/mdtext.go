package hook

import (
	"regexp"
	"strings"
)

// mdRule is one rule of Markdown to text.
type mdRule struct {
	find *regexp.Regexp
	by   string
}

// mdRules are in the order in which they are used, outside code.
var mdRules = [...]mdRule{
	{regexp.MustCompile(`(?s)<!--.*?-->`), ""},
	{regexp.MustCompile(`!\[[^\]\n]*\]\(\s*<?([^\s()<>]+)>?(?:\s+"[^"\n]*")?\s*\)`), "$1"},                            // images
	{regexp.MustCompile(`\[([^\[\]\n]*)\]\(\s*<?((?:[^\s()<>]|\([^\s()<>]*\))+)>?(?:\s+"[^"\n]*")?\s*\)`), "$1 ($2)"}, // links
	{regexp.MustCompile(`<((?:https?|mailto|xmpp|ftp):[^\s<>]+)>`), "$1"},                                             // bare links
	{regexp.MustCompile(`<@[!&]?(\w+)>`), "@$1"},                                                                      // mentions of Discord
	{regexp.MustCompile(`<#(\w+)>`), "#$1"},
	{regexp.MustCompile(`<a?(:\w+:)\d+>`), "$1"},
	{regexp.MustCompile(`(?i)<br\s*/?>`), "\n"},
	{regexp.MustCompile(`</?[a-zA-Z][^<>\n]*>`), ""}, // HTML
	{regexp.MustCompile(`\*\*([^*\n]+?)\*\*`), "*$1*"},
	{regexp.MustCompile(`__([^_\n]+?)__`), "*$1*"},
	{regexp.MustCompile(`~~([^~\n]+?)~~`), "~$1~"},
}

// mdtext makes plain text of Markdown: links and images, tags of HTML, emphasis as in
// XEP-0393. Code stays as it is. It reads maxMarkup bytes.
func mdtext(s string) string {
	s = ofMarkup(s)
	var b strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '`')
		if open < 0 {
			break
		}
		n := len(s[open:]) - len(strings.TrimLeft(s[open:], "`"))
		fence := s[open : open+n]
		end := strings.Index(s[open+n:], fence)
		if end < 0 {
			break
		}
		end += open + 2*n
		b.WriteString(mdPlain(s[:open]))
		b.WriteString(s[open:end])
		s = s[end:]
	}
	b.WriteString(mdPlain(s))
	return b.String()
}

func mdPlain(s string) string {
	for _, rule := range mdRules {
		s = rule.find.ReplaceAllString(s, rule.by)
	}
	return emoji(s)
}
