package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"stanzahook/deploy/lab"
)

// keep leaves everything running, says how to use it, and shows what the user's
// client receives, until it is interrupted or something ends.
func (s *stage) keep(ctx context.Context) error {
	s.explain()
	received := make(chan lab.Received)
	lost := make(chan error, 1)
	go func() {
		for {
			r, err := s.client.Next(ctx, nil)
			if err != nil {
				lost <- err
				return
			}
			select {
			case received <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case r := <-received:
			s.show(r)
		case <-s.bot.done:
			return errors.New(s.bot.ending())
		case <-s.bridge.done:
			return errors.New(s.bridge.ending())
		case err := <-lost:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// show prints a stanza that has come. Presence is not news here.
func (s *stage) show(r lab.Received) {
	switch {
	case r.Kind == "presence":
	case r.Body != "" && r.Type != "error":
		s.out.say("%s gets from %s: %q", userName, r.From, r.Body)
	default:
		s.out.say("%s gets from %s: <%s type=%q>%s</%s>", userName, r.From, r.Kind, r.Type, r.Inner, r.Kind)
	}
}

func (s *stage) explain() {
	auth := fmt.Sprintf(`-H "Authorization: Bearer %s"`, s.api.token)
	s.out.say(`
Everything runs. Press Ctrl-C to stop and remove it all.

  XMPP server    %s (%s; no TLS, password in the clear)
  account        %s, password %s: log in with any XMPP client
  bot            %s: write to it, it answers
  stanzahook     %s
  its settings   %s

What %s gets is shown below. Try, in another terminal:

  # a message, as JSON
  curl -i %s -H "Content-Type: application/json" \
    -d '%s' %s/rest

  # a message, as XML
  curl -i %s -H "Content-Type: application/xmpp+xml" \
    -d '<message type="chat" to="%s"><body>Hello</body></message>' %s/rest

  # is the client there? Its answer is the answer
  curl -i %s -H "Content-Type: application/xmpp+xml" \
    -d '%s' %s/rest

  # does stanzahook run, and is it connected?
  curl -i %s/healthz
  curl -i %s/readyz
`,
		s.server.ClientAddr(), s.server.Kind(),
		guestName+"@"+s.server.Host(), s.guestPassword,
		botJID, s.api.url, filepath.Join(s.dir, configName), userName,
		auth, newsJSON(s.userJID(), "The report is ready."), s.api.url,
		auth, s.userJID(), s.api.url,
		auth, pingXML(s.client.JID()), s.api.url,
		s.api.url, s.api.url)
}
