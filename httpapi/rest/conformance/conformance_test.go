package conformance

import (
	"testing"
	"testing/fstest"
)

const example = `For readers.

### one [real other]
POST /rest
Content-Type: application/json
As: echo

{"a":1}

{"b":2}
>>> <message/>
<<< <iq id='$ID'/>
<<< <iq/>
=== 200 application/json
{"x":"*",
"y":[1,true]}

### two
GET /rest/ping

=== 422 bad-format
It says
error: invalid-json
`

func TestRead(t *testing.T) {
	all, err := Read(fstest.MapFS{"a.txt": {Data: []byte(example)}, "b.md": {Data: []byte("### no case")}})
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
	c := all[0].Translated("message", "presence", "a", "c")
	if c.Title != "one" || !c.Is("real") || !c.Is("other") || c.Is("re") || c.File != "a.txt" || c.As != "echo" || c.Method != "POST" || c.Path != "/rest" ||
		c.Header.Get("Content-Type") != "application/json" || c.Body != "{\"c\":1}\n\n{\"b\":2}" || c.Sent != "<presence/>" || len(c.Received) != 2 || c.Status != 200 {
		t.Errorf("%+v", c)
	}
	for body, right := range map[string]bool{
		`{"y":[1,true],"x":"anything"}`:           true,
		`{"y":[1,true],"x":7}`:                    false,
		`{"y":[true,1],"x":""}`:                   false,
		`{"y":[1,true],"x":"","z":1}`:             false,
		`{"y":[1,true,{}],"x":""}`:                false,
		`{"y":[1,true],"x":""`:                    false,
		`{"y":{"0":1,"1":true},"x":"a"}`:          false,
		`{"z":[1,true],"x":"a"}`:                  false,
		"{\"y\":[ 1 , true ],\n\"x\":\"\u2026\"}": true,
	} {
		if err := c.CheckAnswer(200, "application/json; charset=utf-8", body); (err == nil) != right {
			t.Errorf("%s: %v", body, err)
		}
	}
	if c.CheckAnswer(202, "application/json", `{"y":[1,true],"x":""}`) == nil || c.CheckAnswer(200, "text/html", `{"y":[1,true],"x":""}`) == nil {
		t.Error("status or format is not looked at")
	}
	const xml = "<error xmlns='http://etherx.jabber.org/streams'><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>It says so</text></error>"
	const json = `{"type":"error","code":422,"error":{"type":"cancel","condition":"bad-format","text":"It says so","code":422,"source":"mod_rest","context":{"error":"invalid-json"}}}`
	for _, a := range []struct {
		media, body string
		right       bool
	}{
		{"application/xmpp+xml", xml, true},
		{"application/json", json, true},
		{"application/json", xml, false},
		{"application/xmpp+xml", "<error/>", false},
		{"application/json", `{"type":"error","code":422}`, false},
		{"text/html", "It says so", false},
	} {
		if err := all[1].CheckAnswer(422, a.media, a.body); (err == nil) != a.right {
			t.Errorf("%s: %v", a.body, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"### x\nPOST\n", "### x\nPOST /\nheader\n", "### x\nPOST /\n\n", "### x\nPOST /\n\n=== OK\n"} {
		if _, err := Read(fstest.MapFS{"a.txt": {Data: []byte(text)}}); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

func TestXML(t *testing.T) {
	for _, c := range []struct {
		want, got      string
		same, contains bool
	}{
		{"<m a='1' b='*'><x xmlns='u'/></m>", "<m b='2' a='1'><p:x xmlns:p='u'/></m>", true, true},
		{"<m xmlns='jabber:client'/>", "<m/>", true, true},
		{"<m type='a'/>", "<m type='b'/>", false, false},
		{"<m><a/><b/></m>", "<m><b/><a/></m>", false, true},
		{"<m><a/></m>", "<m id='1'><a/><b/></m>", false, true},
		{"<m><a>x</a></m>", "<m><a>y</a></m>", false, false},
		{"<m><a>*</a></m>", "<m><a>y</a></m>", true, true},
		{"<m><a xmlns='u'/></m>", "<m><a/></m>", false, false},
		{"<m/>", "<m/><m/>", false, false},
		{"<m/>", "<m>", false, false},
		{"", "", false, false},
	} {
		if SameXML(c.want, c.got) != c.same || Contains(c.want, c.got) != c.contains {
			t.Errorf("%s and %s: %v, %v", c.want, c.got, SameXML(c.want, c.got), Contains(c.want, c.got))
		}
	}
}
