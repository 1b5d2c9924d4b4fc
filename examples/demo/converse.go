package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"stanzahook/deploy/lab"
)

// converse holds the conversations and checks what comes of them.
func (s *stage) converse(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.chat, s.sendOverHTTP, s.askOverHTTP, s.meet, s.befriend} {
		if err := s.bounded(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// chat: user → server → stanzahook → bot, and all the way back.
func (s *stage) chat(ctx context.Context) error {
	const text = "Hello, is anybody there?"
	s.out.begin("From XMPP to HTTP and back: %s writes to %s …", userName, botJID)
	s.out.note("%s: %q", userName, text)
	if err := s.client.SendRaw(fmt.Sprintf("<message type='chat' to='%s' id='demo-1'><body>%s</body></message>", botJID, text)); err != nil {
		return err
	}
	s.out.note("(the server gives it to stanzahook, stanzahook POSTs it to the bot, the bot's HTTP answer goes back)")
	answer, err := s.messageFrom(ctx, botJID)
	if err != nil {
		return fmt.Errorf("the bot's answer did not come: %w", err)
	}
	s.out.note("%s: %q", botJID, answer)
	if !strings.Contains(answer, text) {
		return fmt.Errorf("the bot should have repeated %q", text)
	}
	return nil
}

// sendOverHTTP: program → stanzahook → server → user.
func (s *stage) sendOverHTTP(ctx context.Context) error {
	const text = "The report is ready."
	s.out.begin("From HTTP to XMPP: a program sends %s a message with one request …", userName)
	status, answer, err := s.post(ctx, "/rest", "application/json", newsJSON(s.userJID(), text))
	if err != nil {
		return err
	}
	if status != http.StatusAccepted {
		return fmt.Errorf("POST /rest was answered with %d instead of 202: %s", status, answer)
	}
	got, err := s.messageFrom(ctx, newsJID)
	if err != nil {
		return fmt.Errorf("the message did not come: %w", err)
	}
	s.out.note("%s gets from %s: %q", userName, newsJID, got)
	if got != text {
		return fmt.Errorf("it should have been %q", text)
	}
	return nil
}

// askOverHTTP: a request to the user's client, whose answer is that of the HTTP
// request.
func (s *stage) askOverHTTP(ctx context.Context) error {
	s.out.begin("A question over HTTP: a program pings %s's client …", userName)
	status, answer, err := s.post(ctx, "/rest", "application/xmpp+xml", pingXML(s.client.JID()))
	if err != nil {
		return err
	}
	var iq struct {
		XMLName xml.Name
		Type    string `xml:"type,attr"`
		From    string `xml:"from,attr"`
	}
	if err := xml.Unmarshal([]byte(answer), &iq); err != nil {
		return fmt.Errorf("the answer to the ping is no XML: %w", err)
	}
	if status != http.StatusOK || iq.XMLName.Local != "iq" || iq.Type != "result" || iq.From != s.client.JID() {
		return fmt.Errorf("this is not a result from %s with status 200", s.client.JID())
	}
	s.out.note("That is the client's own answer: it is there.")
	return nil
}

// post is api.post, told.
func (s *stage) post(ctx context.Context, path, contentType, body string) (int, string, error) {
	s.out.note("POST %s%s   (%s)", s.api.url, path, contentType)
	s.out.note("  %s", body)
	status, answer, err := s.api.post(ctx, path, contentType, body)
	if err != nil {
		return 0, "", err
	}
	s.out.note("stanzahook answers: %d %s", status, http.StatusText(status))
	if answer != "" {
		s.out.note("  %s", answer)
	}
	return status, answer, nil
}

// messageFrom waits for a message from a bare JID, and returns its text.
func (s *stage) messageFrom(ctx context.Context, from string) (string, error) {
	m, err := s.client.Next(ctx, func(r lab.Received) bool {
		bare, _, _ := strings.Cut(r.From, "/")
		return r.Kind == "message" && bare == from && (r.Body != "" || r.Type == "error")
	})
	if err != nil {
		return "", err
	}
	if m.Type == "error" {
		return "", fmt.Errorf("an error came instead (%s): %s", m.Error, m.Inner)
	}
	return m.Body, nil
}

func (s *stage) userJID() string { return userName + "@" + s.server.Host() }

// newsJSON is a message as the JSON of POST /rest.
func newsJSON(to, text string) string {
	return fmt.Sprintf(`{"kind":"message","type":"chat","from":%q,"to":%q,"body":%q}`, newsJID, to, text)
}

// pingXML is a ping (XEP-0199) as the XML of POST /rest.
func pingXML(to string) string {
	return fmt.Sprintf(`<iq type="get" id="ping-1" to="%s"><ping xmlns="urn:xmpp:ping"/></iq>`, to)
}
