package webhook

import "testing"

func TestWithoutHops(t *testing.T) {
	s := parsed("<message id='1'><a/><hops xmlns='urn:stanzahook:hops:0'>1</hops><body>x</body><hops xmlns='urn:stanzahook:hops:0'/></message>")
	clean, err := WithoutHops(s)
	if err != nil || clean.XML() != "<message id='1'><a/><body>x</body></message>" {
		t.Errorf("%v, %v", clean, err)
	}
	s = parsed("<message id='1'><x xmlns='urn:x'><hops xmlns='urn:stanzahook:hops:0'/></x></message>")
	if same, err := WithoutHops(s); err != nil || same != s {
		t.Errorf("one that counts for nothing: %v %v", same, err)
	}
}
