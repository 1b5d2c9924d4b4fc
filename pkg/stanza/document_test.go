package stanza

import (
	"strings"
	"testing"
)

func TestParseDocument(t *testing.T) {
	for _, c := range []struct{ name, in, want, err string }{
		{"without a prefix", `<message to='a@b'><body>hi</body></message>`, `<message to='a@b'><body>hi</body></message>`, ""},
		{"ElementTree", `<ns0:message xmlns:ns0="jabber:client" xmlns:ns1="urn:xmpp:receipts" to="a@b" type="chat"><ns0:body>hi &lt;</ns0:body><ns1:request /></ns0:message>`,
			`<message xmlns:ns1="urn:xmpp:receipts" to="a@b" type="chat"><body>hi &lt;</body><ns1:request/></message>`, ""},
		{"the namespace of components", `<c:presence xmlns:c='jabber:component:accept'/>`, `<presence/>`, ""},
		{"only a child has it", `<message xmlns:c='jabber:client'><c:body>x</c:body ></message>`, `<message><body>x</body></message>`, ""},
		{"inside of another namespace", `<c:message xmlns:c='jabber:client'><forwarded xmlns='urn:xmpp:forward:0'><c:message><c:body>x</c:body><y/></c:message><z/></forwarded></c:message>`,
			`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body><y xmlns='urn:xmpp:forward:0'/></message><z/></forwarded></message>`, ""},
		{"a foreign default namespace on the stanza", `<c:message xmlns:c='jabber:client' xmlns='urn:x'><c:body>x</c:body><y><z/></y></c:message>`,
			`<message><body>x</body><y xmlns='urn:x'><z/></y></message>`, ""},
		{"CDATA and references", `<c:message xmlns:c='jabber:client'><c:body><![CDATA[<c:x>]]>&amp;</c:body></c:message>`, `<message><body><![CDATA[<c:x>]]>&amp;</body></message>`, ""},
		{"an attribute with the prefix", `<c:message xmlns:c='jabber:client' c:x='1' y='2' xml:lang='de'/>`, `<message y='2' xml:lang='de'/>`, ""},
		{"another namespace with a prefix", `<m:message xmlns:m='urn:x' a='jabber:client'/>`, "", "is not a stanza"},
		{"crossed tags", `<c:message xmlns:c='jabber:client'><c:a></c:message></c:a>`, "", "does not match"},
		{"an end tag more", `<c:message xmlns:c='jabber:client'/></c:message>`, "", "without a start tag"},
		{"cut off", `<c:message xmlns:c='jabber:client'><c:a>`, "", "not closed"},
		{"no such prefix", `<c:message xmlns:c='jabber:client'><d:a/></c:message>`, "", "not declared"},
		{"a comment", `<c:message xmlns:c='jabber:client'><!-- x --></c:message>`, "", "comments"},
		{"a tag that only begins", `<c:message xmlns:c='jabber:client'><`, "", ""},
		{"too deep", strings.Repeat(`<c:message xmlns:c='jabber:client'>`, 100), "", "deeper"},
	} {
		s, err := ParseDocument(c.in, Limits{})
		switch {
		case c.want == "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
		case err != nil || s.XML() != c.want:
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, s.XML(), c.want)
		}
	}
	if s, err := Parse(`<c:message xmlns:c='jabber:client'/>`, Limits{}); err == nil {
		t.Errorf("from a stream: %s", s.XML())
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add(`<ns0:message xmlns:ns0="jabber:client" xmlns='urn:x'><ns0:body>hi</ns0:body><y/></ns0:message>`)
	f.Fuzz(func(_ *testing.T, in string) {
		if s, err := ParseDocument(in, Limits{}); err == nil {
			_ = s.XML()
		}
	})
}

// A server's stanza is read without attributes whose prefix it left undeclared;
// what else is wrong with it stays so.
func TestDropUndeclared(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`<message p:x='1' id='1'/>`, `<message id='1'/>`},
		{`<message><body p:x="1" xml:lang='de'>hi</body><a p:y='2' z='3' q:y='4'/></message>`, `<message><body xml:lang='de'>hi</body><a z='3'/></message>`},
		{`<message><a xmlns:p='urn:p' p:x='1'/><b p:x='1'/></message>`, `<message><a xmlns:p='urn:p' p:x='1'/><b/></message>`},
		{`<message s:x='1' p:x='1'/>`, `<message xmlns:s='urn:s' s:x='1'/>`}, // s is the stream's
		{`<message><p:a/></message>`, ""},
		{`<message p:x='1' p:x='2'/>`, ""},
	} {
		s, err := NewParser(Limits{}, []Namespace{{"s", "urn:s"}}).DropUndeclared().Parse(c.in)
		if (err == nil) != (c.want != "") || err == nil && s.XML() != c.want {
			t.Errorf("%s: %v, %v", c.in, s, err)
		}
		if _, err := Parse(c.in, Limits{}); err == nil {
			t.Errorf("%s is taken from those who are to write it right", c.in)
		}
	}
}

// The answer to a request has its id, also one that is empty.
func TestEmptyID(t *testing.T) {
	for in, want := range map[string]string{
		`<iq type='get' id='' from='a@b' to='c@d'><q xmlns='urn:q'/></iq>`:        ` id=''`,
		`<iq type='get' from='a@b' to='c@d'><q xmlns='urn:q'/></iq>`:              ``,
		`<iq type='get' id='1' from='a@b' to='c@d'><q xmlns='urn:q'/></iq>`:       ` id='1'`,
		`<message type='chat' id="" from='a@b' to='c@d'><body>x</body></message>`: ` id=''`,
	} {
		s := Must(Parse(in, Limits{}))
		result, err := s.Result("", Limits{})
		if err != nil || s.Kind == IQ && result.XML() != `<iq type='result'`+want+` from='c@d' to='a@b'/>` {
			t.Errorf("%s: %s, %v", in, result.XML(), err)
		}
		bounce, err := s.ErrorReply(&Error{Type: Cancel, Condition: Forbidden}, Limits{})
		if err != nil || !strings.HasPrefix(bounce.XML(), "<"+s.Kind.String()+` type='error'`+want+` from=`) {
			t.Errorf("%s: %s, %v", in, bounce.XML(), err)
		}
		same, err := s.With(s.Header, Limits{})
		if err != nil || strings.Contains(same.XML(), " id=") != (want != "") {
			t.Errorf("%s: %s, %v", in, same.XML(), err)
		}
	}
}
