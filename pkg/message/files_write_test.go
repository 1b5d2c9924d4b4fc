package message_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// What is written of a file is read again, and the message says nothing besides.
func TestFileXML(t *testing.T) {
	f := message.File{URL: "https://x.example.com/a%20b.png?x=1&y='2'", Name: `p ä"<x>".png`, Size: 11, Type: "image/png", SHA256: strings.Repeat("0a", 32), Width: 30, Height: 20}
	s := stanza.Must(stanza.Parse("<message from='a@example.com' to='b@example.com' type='chat'>"+f.XML()+"</message>", stanza.Limits{}))
	features := message.Read(s)
	if text := features.Text(s); text != "" {
		t.Errorf("text %q", text)
	}
	all := features.Attachments(s)
	if len(all) != 1 || all[0].URL != f.URL || *all[0].Name != f.Name || *all[0].Size != 11 || *all[0].Type != f.Type || *all[0].SHA256 != f.SHA256 || *all[0].Width != 30 || *all[0].Height != 20 || all[0].Source != "sfs" {
		t.Errorf("%+v", all)
	}
	if body := s.ChildText(s.Children()[0]); body != f.URL {
		t.Errorf("body %q", body)
	}
	for media, how := range map[string]string{"image/png": "inline", "audio/ogg": "inline", "video/mp4": "inline", "text/html": "attachment", "": "attachment", "imagex": "attachment"} {
		if xml := (&message.File{URL: "https://x", Type: media}).XML(); !strings.Contains(xml, "disposition='"+how+"'") || strings.Contains(xml, "<size>") {
			t.Errorf("%s: %s", media, xml)
		}
	}
}

func TestReadFiles(t *testing.T) {
	for value, ok := range map[string]bool{
		`[{"id":"file_1"},{"url":"https://x/y","name":"a","type":"b/c","size":3},{"fetch":"https://x/y","name":"a"}]`: true,
		`[]`: false, `null`: false, `{}`: false, `"x"`: false, `[1]`: false, `[{}]`: false, `[{"id":"a","url":"https://x"}]`: false, `[{"id":"a","name":"b"}]`: false,
		`[{"url":"file:///etc/passwd"}]`: false, `[{"url":"https://"}]`: false, `[{"url":"https://x/ y"}]`: false, `[{"url":"https://x","size":-1}]`: false, `[{"url":"https://x","size":1.5}]`: false,
		`[{"fetch":"https://x","size":1}]`: false, `[{"path":"/etc/passwd"}]`: false, `[{"id":"\u0000"}]`: false, `[{"id":"` + strings.Repeat("x", 5000) + `"}]`: false,
		"[" + strings.Repeat(`{"id":"a"},`, 20) + `{"id":"a"}]`: false,
	} {
		if all, err := message.ReadFiles([]byte(value)); (err == nil) != ok || err != nil && !strings.HasPrefix(err.Error(), "files") {
			t.Errorf("%.60s: %v %v", value, fmt.Sprint(all), err)
		}
	}
}
