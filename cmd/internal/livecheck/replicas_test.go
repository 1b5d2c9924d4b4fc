package livecheck

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/replica"
)

func TestReplicas(t *testing.T) {
	about := replica.About{Replica: "a", Version: "2", Config: "c", Secrets: "s", Advertise: "http://10.0.0.1:5290"}
	one := func(change func(*replica.Replica)) replica.Replica {
		r := replica.Replica{About: about, State: replica.Standby, Heard: time.Second}
		change(&r)
		return r
	}
	st := &replica.Status{Holder: about, Replicas: []replica.Replica{
		one(func(r *replica.Replica) { r.State = replica.Active }),
		one(func(r *replica.Replica) { r.Replica = "b" }),
		one(func(r *replica.Replica) { r.Replica, r.Config = "c", "x" }),
		one(func(r *replica.Replica) { r.Replica, r.Secrets = "d", "x" }),
		one(func(r *replica.Replica) { r.Replica, r.Advertise = "e", "" }),
		one(func(r *replica.Replica) { r.Replica, r.State, r.Heard = "f", replica.Silent, time.Minute }),
	}}
	want := []string{
		"ok a: active, version 2", "ok b: standby, version 2, with the configuration and the secrets of the active one",
		"warn c: standby, version 2, with another configuration than the active one", "warn d: standby, version 2, with other secrets than the active one",
		"warn e: standby, version 2; other replicas cannot pass HTTP requests on to it", "warn f: it was not heard for 1m0s",
	}
	var got []string
	for _, c := range Replicas(st) {
		if got = append(got, fmt.Sprintf("%s %s: %s", c.Verdict, c.Subject, c.Found)); c.What != "replica" || (c.Verdict == "warn") != (c.Advice != nil) {
			t.Errorf("%+v", c)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	if all := Replicas(nil); all != nil {
		t.Errorf("without replicas: %+v", all)
	}
}
