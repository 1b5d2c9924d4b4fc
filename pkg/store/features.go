package store

import (
	"context"
	"time"
)

// HostFeatures are what a host of the XMPP server has said that it has, each with
// the time since when it is missing; zero: it is there.
type HostFeatures map[string]time.Time

// Features are the features of hosts.
type Features struct{ bucket }

func featuresConfig() bucketConfig {
	return bucketConfig{Config: keyValue("features", "what hosts of the server have"), what: "the features of a host", always: true}
}

// Put stores the features of a host.
//
// Killed before it returns: they are the old ones or the new ones.
func (f *Features) Put(ctx context.Context, host string, has HostFeatures) error {
	return f.putJSON(ctx, readable(host), has)
}

// Get returns the features of a host; none if nothing is stored.
func (f *Features) Get(ctx context.Context, host string) (has HostFeatures, err error) {
	_, err = f.getJSON(ctx, readable(host), &has)
	return has, err
}
