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
	ended := make(chan *program, len(s.programs))
	for _, p := range s.programs {
		go func() {
			<-p.Done()
			ended <- p
		}()
	}
	for {
		select {
		case r := <-received:
			if err := s.show(r); err != nil {
				return err
			}
		case p := <-ended:
			return errors.New(p.ending())
		case err := <-lost:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// show prints a stanza that has come. Presence is not news here, nor is what
// Prosody tells every user of its privileges (XEP-0356).
func (s *stage) show(r lab.Received) error {
	if push, ok := readPush(r); ok {
		s.out.say("%s's client is told: %s", userName, push)
		return s.acknowledge(r)
	}
	switch {
	case r.Kind == "presence", r.Kind == "message" && r.From == s.server.Host() && r.Body == "":
	case r.Body != "" && r.Type != "error":
		s.out.say("%s gets from %s: %q", userName, r.From, r.Body)
	default:
		s.out.say("%s gets from %s: <%s type=%q>%s</%s>", userName, r.From, r.Kind, r.Type, r.Inner, r.Kind)
	}
	return nil
}

// botLine tells of the bot.
func (s *stage) botLine() string {
	if s.options.botURL != "" {
		return botJID + ": what is written to it is POSTed to " + s.botURL
	}
	return botJID + ": write to it, it answers"
}

// programDir is where the program is, for a PATH.
func programDir(program string) string {
	dir, err := filepath.Abs(filepath.Dir(program))
	if err != nil {
		return filepath.Dir(program)
	}
	return dir
}

func (s *stage) explain() {
	auth := fmt.Sprintf(`-H "Authorization: Bearer %s"`, s.api.token)
	s.out.say(`
Everything runs. Press Ctrl-C to stop and remove it all.

  XMPP server    %s (%s; no TLS, password in the clear)
  account        %s, password %s: log in with any XMPP client
  bot            %s
  rooms          NAME@%s
  contacts       %sUSER: the web application that knows them
  stanzahook     %s
  its settings   %s
  its log        %s

What %s gets is shown below. In the lines of the guides, write %s for juliet@example.com, %s
for bot.example.com, and %s for rooms.example.com. Try, in another terminal:

  export STANZAHOOK_API=%s STANZAHOOK_TOKEN=%s
  export TOKEN=$STANZAHOOK_TOKEN PATH=$PATH:%s     # the lines of the guides have $TOKEN

  stanzahook send --to %s --from %s --body 'Hello!'
  stanzahook send --to %s --from %s --file FILE
  stanzahook bots put %s --name Echo             # and an avatar: --avatar FILE
  stanzahook rooms join %s --from %s --create
  stanzahook send --room %s --from %s --body 'Hello, room!'
  stanzahook status
  stanzahook endpoints test echo
  stanzahook tail                                # what happens, as it happens
  stanzahook console                             # the same and more in a browser: its URL
  stanzahook deliveries list                     # what came for the bot, and what it answered
  stanzahook deliveries list --dead              # what was given up
  stanzahook deliveries replay --endpoint echo   # … once more

Or without the program:

  # a message, as JSON
  curl -i %s -H "Content-Type: application/json" \
    -d '%s' %s/rest

  # a message, as XML
  curl -i %s -H "Content-Type: application/xmpp+xml" \
    -d '<message type="chat" to="%s"><body>Hello</body></message>' %s/rest

  # is the client there? Its answer is the answer
  curl -i %s -H "Content-Type: application/xmpp+xml" \
    -d '%s' %s/rest

  # in the web application, %s and %s become friends …
  curl -i -X PUT -d '%s' %s
  curl -i -X PUT -d '%s' %s

  # … which it tells stanzahook, and the users' rosters follow
  curl -i %s -d '%s' %s

  # a roster, as it is wanted and as the server has it
  curl -i %s %s/v1/rosters/%s

  # does stanzahook run, and is it connected?
  curl -i %s/healthz
  curl -i %s/readyz
`,
		s.server.ClientAddr(), s.server.Kind(),
		friendName+"@"+s.server.Host(), s.friendPassword,
		s.botLine(), roomsDomain, s.contactsURL, s.api.url, filepath.Join(s.dir, configName), filepath.Join(s.dir, bridgeName+".log"),
		userName, s.userJID(), botDomain, roomsDomain,
		s.api.url, s.api.token, programDir(s.options.stanzahook), s.userJID(), newsJID,
		s.userJID(), newsJID, botJID,
		roomJID, botJID, roomJID, botJID,
		auth, newsJSON(s.userJID(), "The report is ready."), s.api.url,
		auth, s.userJID(), s.api.url,
		auth, pingXML(s.client.JID()), s.api.url,
		userName, friendName,
		s.contactJSON(friendName, "John"), s.contactsURL+userName,
		s.contactJSON(userName, "Alice"), s.contactsURL+friendName,
		auth, refreshJSON, s.api.url+refreshPath,
		auth, s.api.url, userName,
		s.api.url, s.api.url)
}
