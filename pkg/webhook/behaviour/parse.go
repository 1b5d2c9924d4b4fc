package behaviour

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// Parse reads a table.
func Parse(text string) (*Table, error) {
	intro, rest, _ := strings.Cut("\n"+text, "\n=== ")
	t := &Table{Intro: strings.TrimPrefix(intro, "\n")}
	if rest == "" {
		return t, nil
	}
	for part := range strings.SplitSeq(rest, "\n=== ") {
		title, body, _ := strings.Cut(part, "\n")
		c, err := parseCase("\n" + body)
		if err != nil {
			return nil, fmt.Errorf("case %q: %w", title, err)
		}
		c.Title = title
		t.Cases = append(t.Cases, c)
	}
	return t, nil
}

func parseCase(text string) (c Case, err error) {
	seen := map[string]bool{}
	sections := strings.Split(text, "\n--- ")
	if strings.TrimSpace(sections[0]) != "" {
		return c, errors.New("text before the first section")
	}
	for _, text := range sections[1:] {
		name, body, _ := strings.Cut(text, "\n")
		body = strings.TrimRight(body, "\n")
		c.sections = append(c.sections, section{name, body})
		if seen[name] {
			return c, fmt.Errorf("section %q is there twice", name)
		}
		seen[name] = true
		switch name {
		case "received":
			c.Received = body
		case "request":
			c.Request, err = parseRequest(body)
		case "request, rest-json", "request, rest-xml":
			if c.requests == nil {
				c.requests = make(map[string]*Request)
			}
			c.requests[strings.TrimPrefix(name, "request, ")], err = parseRequest(body)
		case "answer", "answer, quoted":
			c.Answer, err = parseAnswer(body, name != "answer")
		case "back":
			c.Direct, err = parseBack(body)
			c.Queued = c.Direct
		case "back, direct":
			c.Direct, err = parseBack(body)
		case "note":
			c.Note = body
		case "back, queued":
			c.Queued, err = parseBack(body)
		default:
			err = errors.New("no such section")
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
	}
	if c.Received == "" || !c.Answer.None && c.Answer.Status == 0 {
		return c, errors.New("sections \"received\" and \"answer\" are needed")
	}
	return c, nil
}

func parseRequest(text string) (*Request, error) {
	h, body, err := headAndBody(text)
	return &Request{h, body}, err
}

// headAndBody splits header fields from the body.
func headAndBody(text string) (http.Header, string, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\n\n"))).ReadMIMEHeader()
	return http.Header(h), body, err
}

func parseAnswer(text string, quoted bool) (a Answer, err error) {
	if text == "no connection" {
		return Answer{None: true}, nil
	}
	line, rest, _ := strings.Cut(text, "\n")
	status, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	code, _, _ := strings.Cut(status, " ")
	if a.Status, err = strconv.Atoi(code); err != nil || !ok {
		return a, fmt.Errorf("no status line: %q", line)
	}
	if strings.HasPrefix(rest, "\n") { // a body without any header
		rest = "\n" + rest
	}
	if a.Header, a.Body, err = headAndBody(rest); err == nil && quoted {
		a.Body, err = unquote(a.Body)
	}
	return a, err
}

// unquote reads Go string literals, each perhaps with a factor.
func unquote(text string) (string, error) {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		literal, err := strconv.QuotedPrefix(line)
		if err != nil {
			return "", fmt.Errorf("%q: %w", line, err)
		}
		piece, err := strconv.Unquote(literal)
		if err != nil {
			return "", fmt.Errorf("%q: %w", line, err)
		}
		n := 1
		if times, ok := strings.CutPrefix(line[len(literal):], " * "); ok {
			if n, err = strconv.Atoi(times); err != nil {
				return "", fmt.Errorf("%q: %w", line, err)
			}
		}
		b.WriteString(strings.Repeat(piece, n))
	}
	return b.String(), nil
}

func parseBack(text string) (b Back, err error) {
	after, later := strings.CutPrefix(text, "again, not before ")
	switch {
	case text == "again":
		return Back{Again: true}, nil
	case text == "again, endpoint disabled":
		return Back{Again: true, Disabled: true}, nil
	case later:
		b.Again = true
		b.After, err = time.ParseDuration(after)
		return b, err
	case text != "nothing" && text != "":
		b.Stanzas = strings.Split(text, "\n")
	}
	for _, s := range b.Stanzas {
		if !strings.HasPrefix(s, "<") {
			return b, fmt.Errorf("%q is no stanza", s)
		}
	}
	return b, nil
}
