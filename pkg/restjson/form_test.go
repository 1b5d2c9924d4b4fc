package restjson

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// shown is the stanza of decoded fields, or the error.
func shown(f *Fields, err error) string {
	s, err := made(f, err)
	if err != nil {
		return err.Error()
	}
	return s.XML()
}

func TestDecodeForm(t *testing.T) {
	for form, want := range map[string]string{
		`to=u%40h&body=a%3Cb&type=chat`:              `<message type='chat' to='u@h'><body>a&lt;b</body></message>`,
		`body=x&markable=true&thread=t&state=active`: `<message><body>x</body><markable xmlns='urn:xmpp:chat-markers:0'/><active xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread></message>`,
		`body=x&markable=0`:                          `<message><body>x</body></message>`,
		`priority=5&show=xa`:                         `<presence><priority>5</priority><show>xa</show></presence>`,
		`priority=x`:                                 `priority: an integer is expected`,
		`to=room%40c/n&join=1`:                       `<presence to='room@c/n'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`disco=true`:                                 `<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`items=n`:                                    `<iq type='get'><query xmlns='http://jabber.org/protocol/disco#items' node='n'/></iq>`,
		`command=n`:                                  `<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='n'/></iq>`,
		`xml=%3Ca/%3E`:                               `<message><a/></message>`,
		`body=x&body=y`:                              `body: one value is expected, not 2`,
		`dataform=x`:                                 `dataform: cannot be given in a form; send JSON`,
	} {
		values, err := url.ParseQuery(form)
		require.NoError(t, err)
		if got := shown(DecodeForm(values)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", form, got, want)
		}
	}
}

func TestDecodeFormAs(t *testing.T) {
	f, err := DecodeFormAs(url.Values{"status": {"ok"}, "body": {"x"}}, stanza.Message)
	if err != nil || f.Inner != "<body>x</body>" || len(f.Unknown) != 1 || f.Kind != 0 {
		t.Errorf("%+v %v", f, err)
	}
}

func TestEncodeForm(t *testing.T) {
	s := parse(`<message to='a@b' type='chat'><body>a "&amp;" b</body><thread>t</thread><markable xmlns='urn:xmpp:chat-markers:0'/><z xmlns='urn:z'/></message>`)
	want := url.Values{"kind": {"message"}, "type": {"chat"}, "to": {"a@b"}, "body": {`a "&" b`}, "markable": {"true"}, "xml": {"<z xmlns='urn:z'/>"}}
	if got := EncodeForm(s); got.Encode() != want.Encode() {
		t.Errorf("got  %s\nwant %s", got.Encode(), want.Encode())
	}
	p := EncodeForm(parse(`<presence><priority>-5</priority></presence>`))
	if p.Get("priority") != "-5" || p.Get("type") != "available" {
		t.Error(p)
	}
}

func TestQuery(t *testing.T) {
	for query, want := range map[string]string{
		`ping`:                             `<iq type='get' to='c'><ping xmlns='urn:xmpp:ping'/></iq>`,
		`ping?x=y`:                         `ping.x: unknown argument`,
		`version`:                          `<iq type='get' to='c'><query xmlns='jabber:iq:version'/></iq>`,
		`disco`:                            `<iq type='get' to='c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`disco?node=n`:                     `<iq type='get' to='c'><query xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>`,
		`disco?identities=n`:               `disco.identities: cannot be given in a query; send JSON`,
		`items?node=n`:                     `<iq type='get' to='c'><query xmlns='http://jabber.org/protocol/disco#items' node='n'/></iq>`,
		`lastactivity`:                     `<iq type='get' to='c'><query xmlns='jabber:iq:last'/></iq>`,
		`stats`:                            `<iq type='get' to='c'><query xmlns='http://jabber.org/protocol/stats'/></iq>`,
		`blocklist`:                        `<iq type='get' to='c'><blocklist xmlns='urn:xmpp:blocking'/></iq>`,
		`extdisco?type=turn`:               `<iq type='get' to='c'><services xmlns='urn:xmpp:extdisco:2' type='turn'/></iq>`,
		`oob?url=u&desc=d`:                 `<iq type='get' to='c'><query xmlns='jabber:iq:oob'><desc>d</desc><url>u</url></query></iq>`,
		`register?remove=true`:             `<iq type='get' to='c'><query xmlns='jabber:iq:register'><remove/></query></iq>`,
		`payload?datatype=d&data={"a":1}`:  `<iq type='get' to='c'><payload xmlns='urn:xmpp:json-msg:0' datatype='d'><json xmlns='urn:xmpp:json:0'>{"a":1}</json></payload></iq>`,
		`upload_request?filename=f&size=5`: `<iq type='get' to='c'><request xmlns='urn:xmpp:http:upload:0' filename='f' size='5'/></iq>`,
		`upload_request?size=x`:            `upload_request.size: an integer is expected`,
		`command?node=n&action=cancel`:     `<iq type='set' to='c'><command xmlns='http://jabber.org/protocol/commands' action='cancel' node='n'/></iq>`,
		`archive?with=a@b&max=5&ids=1,2`:   `<iq type='set' to='c'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field><field var='ids'><value>1</value><value>2</value></field><field var='with'><value>a@b</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>5</max></set></query></iq>`,
		`archive?max=5&max=6`:              `archive.max: one value is expected, not 2`,
		`archive`:                          `<iq type='set' to='c'><query xmlns='urn:xmpp:mam:2'/></iq>`,
		`formdata?a=1&b=2&b=3`:             `<iq type='get' to='c'><x xmlns='jabber:x:data' type='submit'><field var='a'><value>1</value></field><field var='b'><value>2</value><value>3</value></field></x></iq>`,
		`formdata?%22=%FF`:                 `<iq type='get' to='c'><x xmlns='jabber:x:data' type='submit'><field var='&quot;'><value>�</value></field></x></iq>`,
		`vcard`:                            `vcard: unknown query; known are nick, `,
		`body`:                             `body: unknown query`,
	} {
		name, text, _ := strings.Cut(query, "?")
		args, err := url.ParseQuery(text)
		require.NoError(t, err)
		if got := shown(Query(name, args, jid.MustParse("c"))); got != want && (!strings.Contains(want, "unknown query") || !strings.HasPrefix(got, want)) {
			t.Errorf("%s\ngot  %s\nwant %s", query, got, want)
		}
	}
}

func TestDecodeAs(t *testing.T) {
	for data, want := range map[string]string{
		`{"oob":{"url":"u"}}`:       `<iq type='get'><query xmlns='jabber:iq:oob'><url>u</url></query></iq>`,
		`{"type":"chat"}`:           `<message type='chat'/>`,
		`{"kind":"presence"}`:       `<presence/>`,
		`{"status":"ok"}`:           `status: goes with kind "presence" only, not with "iq"`,
		`{"body":"x"}`:              `body: goes with kind "message" only, not with "iq"`,
		`{"archive":{"max":1}}`:     `<iq type='set'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query></iq>`,
		`{"error":{"type":"wait"}}`: `<iq type='error'><error type='wait'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
	} {
		if got := shown(DecodeAs([]byte(data), stanza.IQ)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", data, got, want)
		}
	}
}
