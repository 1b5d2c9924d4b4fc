//go:build linux

package harness

import (
	"fmt"
	"strconv"
	"strings"

	"stanzahook/deploy/lab"
)

// NumberedMessage is a message with a number as id and body.
func NumberedMessage(to string, i int) string {
	return fmt.Sprintf("<message to='%s' type='chat' id='%d'><body>%d</body></message>", to, i, i)
}

// AwaitEchoes waits for the answers to all numbered messages: in order, but for
// repetitions under the same id.
func AwaitEchoes(u User, each int) {
	u.T.Helper()
	ids := make(map[string]string)
	for len(ids) < each {
		r := u.Await(fmt.Sprintf("echo %d", len(ids)), func(r lab.Received) bool {
			return r.Kind == "message" && !strings.HasPrefix(r.Body, "mark")
		})
		id, seen := ids[r.Body]
		switch {
		case seen && id != r.ID:
			u.T.Errorf("echo %s came as %s and as %s", r.Body, id, r.ID)
		case !seen && r.Body != strconv.Itoa(len(ids)):
			u.T.Fatalf("%s: instead of echo %d came %+v", u.JID(), len(ids), r)
		}
		ids[r.Body] = r.ID
	}
}
