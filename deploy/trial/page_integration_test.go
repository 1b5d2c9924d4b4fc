//go:build integration && deb

package trial

import (
	"os"
	"strings"
	"testing"
)

// section is one of the guide, with its blocks of code, which are taken one after the
// other.
type section struct {
	t      *testing.T
	m      *machine
	title  string
	blocks []block
}

type block struct{ language, text string }

// pages are those of the operator's guide with commands to follow.
var pages = []string{"install", "security", "operating", "troubleshooting"}

// readGuide returns the sections that have commands or pieces of YAML, by title.
func readGuide(t *testing.T) map[string][]block {
	t.Helper()
	sections := make(map[string][]block)
	for _, page := range pages {
		data, err := os.ReadFile("../guide/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "\n## ")[1:] {
			title, rest, _ := strings.Cut(part, "\n")
			fenced := strings.Split(rest, "\n```")
			for i := 1; i < len(fenced); i += 2 {
				language, text, _ := strings.Cut(fenced[i], "\n")
				if language == "sh" || language == "yaml" {
					sections[title] = append(sections[title], block{language, text + "\n"})
				}
			}
		}
	}
	return sections
}

// take returns the next block, which has to be of a language.
func (s *section) take(language string) string {
	s.t.Helper()
	if len(s.blocks) == 0 || s.blocks[0].language != language {
		s.t.Fatalf("%s: the next block is not %s: %v", s.title, language, s.blocks)
	}
	text := s.blocks[0].text
	s.blocks = s.blocks[1:]
	return text
}

// run runs the next block, as it stands.
func (s *section) run() string {
	s.t.Helper()
	return s.m.sh(s.take("sh"))
}

// done says what of a section nobody has run.
func (s *section) done() {
	s.t.Helper()
	for _, b := range s.blocks {
		s.t.Errorf("%s: this was not run:\n%s", s.title, b.text)
	}
}
