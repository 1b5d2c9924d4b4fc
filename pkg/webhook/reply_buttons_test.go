package webhook

import (
	"net/http"
	"strings"
	"testing"
)

// The answer of a webhook may offer answers, in the same message as what else it says.
func TestAnswersWithButtons(t *testing.T) {
	const yes = "<response xmlns='urn:xmpp:tmp:quick-response' value='yes' label='Yes'/>"
	e := (&Endpoint{Name: "e", Queued: true}).WithDefaults()
	ev := eventOf(t, chat)
	for _, c := range []struct {
		body    string
		outcome Outcome
		has     string
	}{
		{`{"body":"Deploy?","buttons":[{"label":"Yes","value":"yes"},"No"]}`, Done, "<body>Deploy?\n1) Yes\n2) No</body>|" + yes + "|for='urn:xmpp:tmp:quick-response'><body start='7' end='20'/>"},
		{`{"reply_to":"this","quote":true,"body":"Sure?","buttons":["Yes"],"thread":"t"}`, Done, "Sure?\n1) Yes</body>|<reply |<thread>t</thread>"},
		{`{"body":"x","buttons":null}`, Done, "<body>x</body>"},
		{`{"body":"x","buttons":[]}`, Done, "<body>x</body>"},
		{`["first",{"body":"Deploy?","buttons":["Yes"]}]`, Done, "first"},
		{`{"buttons":["Yes"]}`, Refused, "body: is missing"},
		{`{"subject":"x","buttons":["Yes"]}`, Refused, "buttons: need one body"},
		{`{"react":{"to":"this","emoji":[]},"buttons":["Yes"]}`, Refused, "buttons: goes not with react"},
		{`{"body":"x","buttons":"Yes"}`, Refused, "buttons: an array is expected"},
		{`{"body":"x","buttons":["a","a"]}`, Refused, `buttons[1].label: "a" is the label or the value of buttons[0]`},
		{`{"body":"x","buttons":[` + strings.Repeat(`"a",`, 20) + `"a"]}`, Refused, "buttons: are 21"},
	} {
		v := judgeEvent(e, ev, &Answer{Status: http.StatusOK, MediaType: "application/json", Body: []byte(c.body)})
		said := v.Reason
		if len(v.Replies) > 0 {
			said = v.Replies[0].XML()
		}
		if v.Outcome != c.outcome {
			t.Errorf("%s: %v %s", c.body, v.Outcome, said)
		}
		for part := range strings.SplitSeq(c.has, "|") {
			if !strings.Contains(said, part) {
				t.Errorf("%s: %s has no %s", c.body, said, part)
			}
		}
	}
}
