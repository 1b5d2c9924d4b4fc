package livecheck

import (
	"fmt"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/replica"
)

// Replicas checks the replicas of an installation, as one of them sees them; nil: there are none, as the store is
// embedded.
func Replicas(st *replica.Status) []v1.Check {
	const what = "replica"
	var all []v1.Check
	if st == nil {
		return nil
	}
	for i := range st.Replicas {
		r := &st.Replicas[i]
		state := fmt.Sprintf("%s, version %s", r.State, r.Version)
		switch {
		case r.State == replica.Silent:
			all = append(all, warning(what, r.Replica, fmt.Sprintf("it was not heard for %v", r.Heard.Round(time.Second)), "start it, or look why it does not reach NATS; one that is not to come back is forgotten after an hour"))
		case !st.SameConfig(r):
			all = append(all, warning(what, r.Replica, state+", with another configuration than the active one", "put the same file on each machine, and reload each; store and replica need a restart"))
		case !st.SameSecrets(r):
			all = append(all, warning(what, r.Replica, state+", with other secrets than the active one", "put the same secrets on each machine, and reload each"))
		case r.Advertise == "":
			all = append(all, warning(what, r.Replica, state+"; other replicas cannot pass HTTP requests on to it", "set replica.advertise in its configuration"))
		case r.State == replica.Active:
			all = append(all, fine(what, r.Replica, state))
		default:
			all = append(all, fine(what, r.Replica, state+", with the configuration and the secrets of the active one"))
		}
	}
	return all
}
