package standby

import (
	"os"
	"strconv"

	"go.uber.org/zap"
)

// lostName is the environment variable by which a process that has lost its role tells the fresh one in its place how
// many events were lost with it, and with those before.
const lostName = "_STANZAHOOK_EVENTS_LOST"

// lostBefore returns how many events were lost with the processes before this one in its place.
func lostBefore() int64 {
	n, _ := strconv.ParseInt(os.Getenv(lostName), 10, 64) // 0 of one that was started by others
	return n
}

// tellLost says how many events are lost with this process.
func (r *Replica) tellLost(n int) {
	if n == 0 {
		return
	}
	r.log.Error("events lost", zap.Int("events", n), zap.String("reason", "this replica has lost its role, and the XMPP server had ended its connection before they were stored or returned"), zap.String("hint", "their senders have no error; see What is lost when in the guide"))
	_ = os.Setenv(lostName, strconv.FormatInt(r.lost+int64(n), 10)) // the log has it
}
