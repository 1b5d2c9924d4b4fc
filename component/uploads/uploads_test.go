package uploads_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/uploads"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
)

const (
	items = "<query xmlns='http://jabber.org/protocol/disco#items'>%s</query>"
	info  = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='store' type='file' name='HTTP File Upload'/><feature var='urn:xmpp:http:upload:0'/>" +
		"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:http:upload</value></field><field var='max-file-size'><value>7</value></field></x>" +
		"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:http:upload:0</value></field><field var='max-file-size'><value>%s</value></field></x></query>"
	nothing = "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='http://jabber.org/protocol/muc'/></query>"
)

// find connects a component to a server that answers so, and returns what was found.
func find(t *testing.T, configured map[string]jid.JID, answers map[string]string) (upload.Service, *uploads.Finder, error) {
	t.Helper()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	srv.Answer(func(s *stanza.Stanza) string {
		if s.Kind != stanza.IQ || s.Type != "get" {
			return ""
		}
		c, _ := s.Payload()
		inner, ok := answers[s.To.String()+" "+strings.TrimPrefix(c.Space, "http://jabber.org/protocol/disco#")]
		if !ok {
			return fmt.Sprintf("<iq type='error' id='%s' from='%s' to='%s'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", s.ID, s.To, s.From)
		}
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'>%s</iq>", s.ID, s.To, s.From, inner)
	})
	f := uploads.New(configured, func(string, jid.JID) string { return "Prosody" }, zap.NewNop())
	if _, err := f.Find(t.Context(), "bot.example.com"); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("before the connection: %v", err)
	}
	var link *component.Link
	up := make(chan struct{})
	link = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), OnUp: func(ctx context.Context) {
		f.OnUp(ctx, link, []jid.JID{jid.MustParse("nobody.example.com"), jid.MustParse("example.com")})
		close(up)
		<-ctx.Done()
	}})
	componenttest.Run(t, link)
	<-up
	s, err := f.Find(t.Context(), "bot.example.com")
	return s, f, err
}

// The service is found among those of the server, and says how large a file may be.
func TestFind(t *testing.T) {
	s, f, err := find(t, nil, map[string]string{
		"example.com items":       fmt.Sprintf(items, "<item jid='bot.example.com'/><item jid='rooms.example.com'/><item jid='u@example.com'/><item jid='mute.example.com'/><item jid='upload.example.com'/><item jid='other.example.com'/>"),
		"rooms.example.com info":  nothing,
		"upload.example.com info": fmt.Sprintf(info, "10485760"), "other.example.com info": fmt.Sprintf(info, "1"),
	})
	if want := (upload.Service{JID: jid.MustParse("upload.example.com"), MaxBytes: 10485760, Software: "Prosody"}); err != nil || s != want {
		t.Errorf("%+v %v", s, err)
	}
	if st := f.Status("bot.example.com"); !st.Searched || st.Service != s || st.Advice() != "" {
		t.Errorf("%+v", st)
	}
}

func TestNone(t *testing.T) {
	_, f, err := find(t, nil, map[string]string{"example.com items": fmt.Sprintf(items, "<item jid='rooms.example.com'/>"), "rooms.example.com info": nothing})
	if e, ok := errors.AsType[*upload.Error](err); !ok || e.Reason != upload.NoService || !strings.Contains(err.Error(), "uploads.service") {
		t.Error(err)
	}
	if st := f.Status("bot.example.com"); st.Advice() == "" {
		t.Errorf("%+v", st)
	}
}

// A configured service is used whether it answers or not.
func TestConfigured(t *testing.T) {
	files := jid.MustParse("files.example.net")
	for _, max := range []int64{0, 99} {
		answers := map[string]string{}
		if max > 0 {
			answers["files.example.net info"] = fmt.Sprintf(info, fmt.Sprint(max))
		}
		s, f, err := find(t, map[string]jid.JID{"bot.example.com": files}, answers)
		if err != nil || s.JID != files || s.MaxBytes != max {
			t.Errorf("%+v %v", s, err)
		}
		if st := f.Status("bot.example.com"); strings.HasPrefix(st.Refused, "files.example.net, which may not exist: ") != (max == 0) || (st.Advice() == "") != (max > 0) {
			t.Errorf("%+v", st)
		}
	}
}
