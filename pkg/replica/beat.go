package replica

import "time"

// States of a replica.
const (
	Active  = "active"
	Standby = "standby"
	Silent  = "silent" // it was not heard for the failover time
	ended   = "bye"    // of a beat: it ends cleanly
)

// Format is that of records and beats. A replica that finds a higher one stays a standby.
const Format = 2

// About is what a replica says of itself.
type About struct {
	Replica   string `json:"replica"`             // its name
	Advertise string `json:"advertise,omitempty"` // the address at which others reach it
	Version   string `json:"version"`
	Config    string `json:"config"`            // a hash of its configuration, without secrets
	Secrets   string `json:"secrets,omitempty"` // a hash of these, with a key that the replicas have in common
	// Certificate is the SHA-256 of that of Advertise; empty: it has none of its own.
	Certificate string    `json:"certificate,omitempty"`
	Since       time.Time `json:"since"` // of its state
}

// beat is what replicas tell each other.
type beat struct {
	About
	Instance string `json:"instance"` // of the process
	N        uint64 `json:"n"`        // number of this beat of it
	UptimeMS int64  `json:"uptime_ms"`
	State    string `json:"state"`
	// Epoch is the revision of the record of an active one. Of one that has ended, it is that
	// of the record that is free; 0: it was a standby.
	Epoch uint64 `json:"epoch,omitempty"`
	// Serving says that an active one answers requests: it has started, and is not about to stop.
	Serving bool `json:"serving,omitempty"`
}

// record says who is active.
type record struct {
	About
	Format   int    `json:"format"`
	Instance string `json:"instance"`
	Free     bool   `json:"free,omitempty"` // the last one has ended cleanly
}
