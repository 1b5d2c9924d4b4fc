package config

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the manual page")

// The manual page stanzahook.yaml(5) is made of the configuration reference:
// go test ./cmd/internal/config -run Manual -update
func TestManualPage(t *testing.T) {
	const file = "../../../deploy/debian/stanzahook.yaml.5"
	guide, err := os.ReadFile("../../../deploy/guide/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	want := manualPage(string(guide))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not made of the guide (%v): go test ./cmd/internal/config -run Manual -update", file, err)
	}
}

// manualPage turns the guide's page into one for man(7).
func manualPage(guide string) string {
	var b strings.Builder
	b.WriteString(".\\\" Made of deploy/guide/configuration.md.\n.TH STANZAHOOK.YAML 5 \"\" stanzahook\n.SH NAME\nstanzahook.yaml \\- configuration of stanzahook\n.SH DESCRIPTION\n")
	sections := strings.Split(guide, "\n## ")
	_, intro, _ := strings.Cut(sections[0], "\n")
	b.WriteString(roffText(intro))
	keys := false
	for _, section := range sections[1:] {
		title, text, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(title, "`") {
			fmt.Fprintf(&b, ".SH %s\n%s", strings.ToUpper(roffLine(title)), roffText(text))
			continue
		}
		if !keys {
			b.WriteString(".SH KEYS\n")
			keys = true
		}
		parts := strings.Split(text, "\n### ")
		fmt.Fprintf(&b, ".SS %s\n%s", roffLine(strings.Trim(title, "`")), roffText(parts[0]))
		for _, part := range parts[1:] {
			key, text, _ := strings.Cut(part, "\n")
			fmt.Fprintf(&b, ".TP\n.B %s\n%s", roffLine(strings.Trim(key, "`")), roffText(text))
		}
	}
	b.WriteString(".SH FILES\n.TP\n.I /etc/stanzahook/stanzahook.yaml\nThe configuration of the service.\n.TP\n.I /var/lib/stanzahook\nIts store.\n.SH SEE ALSO\n.BR stanzahook (1)\n")
	return b.String()
}

// roffText writes paragraphs, list items and blocks of code.
func roffText(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if code, ok := strings.CutPrefix(paragraph, "```yaml\n"); ok {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roffLine(strings.TrimSuffix(code, "\n```")))
			continue
		}
		if i > 0 && !strings.HasPrefix(paragraph, "- ") {
			b.WriteString(".PP\n")
		}
		for item := range strings.SplitSeq(strings.ReplaceAll(paragraph, "\n  ", " "), "\n- ") {
			if strings.HasPrefix(paragraph, "- ") {
				b.WriteString(".PP\n")
			}
			if item = strings.TrimPrefix(item, "- "); item != "" {
				b.WriteString(roffLine(item) + "\n")
			}
		}
	}
	return b.String()
}

var (
	linkInText = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	boldInText = regexp.MustCompile(`\*\*([^*]*)\*\*`)
	codeInText = regexp.MustCompile("`([^`]*)`")
)

// roffLine escapes a text and writes code in italics.
func roffLine(text string) string {
	text = linkInText.ReplaceAllString(text, "$1")
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "…", "...").Replace(text)
	text = codeInText.ReplaceAllString(boldInText.ReplaceAllString(text, `\fB$1\fR`), `\fI$1\fR`)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return strings.ReplaceAll(text, "\n.", "\n\\&.")
}
