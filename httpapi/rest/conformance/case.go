// Package conformance reads the cases that specify the API of mod_rest, and checks answers
// by them. The cases are text, so that they can be read without Go, and sent to a
// mod_rest too:
//
//	### a message in JSON
//	POST /rest
//	Content-Type: application/json
//
//	{"to":"u@example.com","id":"1","body":"hi"}
//	>>> <message from='bot.example.com' to='u@example.com' id='1'><body>hi</body></message>
//	=== 202
//
// A case has a title, the request, the stanza that goes to the XMPP server if
// one does, what comes from there (<<<, one line each, $ID being the id of the
// stanza that went), and the answer: a status, and what is behind it.
//
//	=== 200 application/json     the body in this format follows
//	=== 422 invalid-from         an error; a text it begins with may follow, and
//	                             "error: " with what is in context.error
//
// In expected JSON and XML a "*" stands for any text. Of the words after a title
// in brackets, "real" marks a case that real servers answer in the same way. The
// pseudo-header As names the caller: a token, "component", or "nobody"; without
// it, it is the token "all".
package conformance

import (
	"bufio"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Case is one request and what becomes of it.
type Case struct {
	File, Title string
	Tags        []string
	As          string
	Method      string
	Path        string
	Header      http.Header
	Body        string
	Sent        string   // XML; empty: nothing is sent
	Received    []string // XML
	Status      int
	Media       string // of the answer; empty for errors and for no body
	Condition   string // of an error
	Text        string // what the answer has: a body, or how an error's text begins
	Context     string // context.error
}

// Is reports whether the case has a tag.
func (c *Case) Is(tag string) bool { return slices.Contains(c.Tags, tag) }

// Read reads all files whose names end in .txt, in order.
func Read(files fs.FS) ([]Case, error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		for i, text := range strings.Split("\n"+string(data), "\n### ") {
			if i == 0 { // what is before the first case is for readers
				continue
			}
			c, err := parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", name, c.Title, err)
			}
			c.File = path.Base(name)
			all = append(all, c)
		}
	}
	return all, nil
}

// Translated returns the case with other names in place of its own, given as for
// strings.NewReplacer.
func (c Case) Translated(names ...string) Case {
	r := strings.NewReplacer(names...)
	for _, s := range []*string{&c.Path, &c.Body, &c.Sent, &c.Text} {
		*s = r.Replace(*s)
	}
	c.Received = slices.Clone(c.Received)
	for i := range c.Received {
		c.Received[i] = r.Replace(c.Received[i])
	}
	return c
}

func parse(text string) (Case, error) {
	c := Case{Header: http.Header{}, As: "all"}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	c.Title = strings.TrimSpace(lines.Text())
	if title, tags, ok := strings.Cut(c.Title, " ["); ok {
		c.Title, c.Tags = title, strings.Fields(strings.TrimSuffix(tags, "]"))
	}
	lines.Scan()
	var ok bool
	if c.Method, c.Path, ok = strings.Cut(lines.Text(), " "); !ok {
		return c, fmt.Errorf("%q is no request line", lines.Text())
	}
	in := (*Case).header
	for lines.Scan() {
		line := lines.Text()
		mark, rest, _ := strings.Cut(line, " ")
		var err error
		switch mark {
		case ">>>":
			c.Sent = rest
		case "<<<":
			c.Received = append(c.Received, rest)
		case "===":
			err, in = c.status(rest), (*Case).answer
		default:
			in, err = in(&c, line)
		}
		if err != nil {
			return c, err
		}
	}
	c.Body, c.Text = strings.TrimSuffix(c.Body, "\n"), strings.TrimSpace(c.Text)
	if c.Status == 0 {
		return c, fmt.Errorf("it has no answer")
	}
	return c, lines.Err()
}

// part takes a line and says what takes the next one.
type part func(c *Case, line string) (part, error)

func (c *Case) header(line string) (part, error) {
	if line == "" {
		return (*Case).body, nil
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return nil, fmt.Errorf("%q is no header", line)
	}
	if value = strings.TrimSpace(value); name == "As" {
		c.As = value
	} else {
		c.Header.Add(name, value)
	}
	return (*Case).header, nil
}

func (c *Case) body(line string) (part, error) {
	c.Body += line + "\n"
	return (*Case).body, nil
}

func (c *Case) answer(line string) (part, error) {
	if word, ok := strings.CutPrefix(line, "error: "); ok && c.Condition != "" {
		c.Context = word
	} else {
		c.Text += line + "\n"
	}
	return (*Case).answer, nil
}

func (c *Case) status(text string) error {
	number, rest, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscan(number, &c.Status); err != nil {
		return fmt.Errorf("status %q: %w", number, err)
	}
	if strings.Contains(rest, "/") {
		c.Media = rest
	} else {
		c.Condition = rest
	}
	return nil
}
