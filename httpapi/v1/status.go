package v1

import (
	"time"

	"stanzahook/pkg/roster"
)

// Status is the state of the process. Every token may see it, so it has no secrets and
// no addresses of webhooks.
type Status struct {
	Version   string           `json:"version"`
	Started   time.Time        `json:"started"`
	Uptime    int64            `json:"uptime_s"`
	Links     []LinkStatus     `json:"links"`
	Outbox    []OutboxStatus   `json:"outbox"`
	Endpoints []EndpointStatus `json:"endpoints"`
	Removed   []RemovedStatus  `json:"removed_endpoints"`
	Rosters   []RosterStatus   `json:"rosters"`
	Rooms     RoomCounts       `json:"rooms"`
	Commands  CommandCounts    `json:"commands"`
	Services  []ServiceStatus  `json:"services"`
	Store     StoreStatus      `json:"store"`
	Replica   *ReplicaRole     `json:"replica,omitempty"`  // of the one that answers; only with a store on NATS, as replicas
	Replicas  []ReplicaStatus  `json:"replicas,omitempty"` // all that were heard within an hour
}

// ReplicaRole is the role of a replica.
type ReplicaRole struct {
	Name  string    `json:"name"`
	Epoch uint64    `json:"epoch"` // by which it is active
	Since time.Time `json:"since"`
	// Problem is why the others cannot pass requests on to it; nil: they can, or there are none.
	Problem *string `json:"problem"`
}

// ReplicaStatus is a replica as the active one sees it.
type ReplicaStatus struct {
	Name        string    `json:"name"`
	State       string    `json:"state"` // active, standby or silent
	Version     string    `json:"version"`
	Config      string    `json:"config"`      // a hash of its configuration, without secrets
	SameConfig  bool      `json:"same_config"` // as the active one has
	SameSecrets bool      `json:"same_secrets"`
	Advertise   *string   `json:"advertise"` // null: other replicas cannot reach its HTTP API
	HeardMS     int64     `json:"heard_ms"`  // since it was heard
	Since       time.Time `json:"since"`     // of the state
}

// RoomCounts counts bots in rooms, by state.
type RoomCounts struct {
	Waiting int `json:"waiting"`
	Joining int `json:"joining"`
	Joined  int `json:"joined"`
	Refused int `json:"refused"`
}

// CommandCounts counts commands of bots, and since the start of the process what became of them.
type CommandCounts struct {
	Count    int   `json:"count"`
	Sessions int   `json:"sessions"` // runs that are not at their end
	Runs     int64 `json:"runs"`     // steps that an endpoint was asked about
	Failed   int64 `json:"failed"`   // of these: refused, failed or without an answer in time
}

// Kinds of services.
const (
	ServiceRooms  = "rooms"  // XEP-0045
	ServiceServer = "server" // a host of the server
	ServiceUpload = "upload" // XEP-0363; JID is empty where none was found
)

// ServiceStatus is what a service of the XMPP server offers to a component. Services are asked
// once a connection.
type ServiceStatus struct {
	JID       string  `json:"jid"`
	Kind      string  `json:"kind"` // ServiceRooms, ServiceServer or ServiceUpload
	Component string  `json:"component"`
	Answers   *bool   `json:"answers"`   // whether it answers IQs; null: not known yet, or no connection
	Condition *string `json:"condition"` // of the error that it answers with
	Software  *string `json:"software"`  // Prosody or ejabberd, where it says so
	// Features are those of XEP-0030.
	Features []string `json:"features"`
	// Limits are those that were met or told: rooms_of_a_bot, max_file_bytes.
	Limits map[string]int `json:"limits"`
	Rooms  *RoomCounts    `json:"rooms"`  // null: it is no service of rooms
	Advice *string        `json:"advice"` // what to change, one thing a line; null: nothing
}

// LinkStatus is the state of the link of a component.
type LinkStatus struct {
	Component string    `json:"component"`
	Server    string    `json:"server"`
	State     string    `json:"state"` // connecting, up, down or shared
	Since     time.Time `json:"since"`
	Reason    *string   `json:"reason"` // why it is not up, and what to do
	// Privileges are those that hosts grant to the component (XEP-0356): by host, such
	// as "roster=both message=outgoing (urn:xmpp:privilege:2)".
	Privileges map[string]string `json:"privileges"`
}

// OutboxStatus counts the stanzas that wait for the XMPP server.
type OutboxStatus struct {
	Component string `json:"component"`
	Waiting   int    `json:"waiting"`
	Expired   int64  `json:"expired"` // since the start of the process
}

// RemovedStatus is the queue of an endpoint that was removed from the configuration.
type RemovedStatus struct {
	Name   string     `json:"name"`
	Queued int        `json:"queued"`
	Oldest *time.Time `json:"oldest"`
}

// RosterStatus is the state of the rosters of one host.
type RosterStatus struct {
	Host      string  `json:"host"`
	Component string  `json:"component"` // whose privileges are used
	Backend   *string `json:"backend"`   // null: none was found, or none was needed yet
	Reason    *string `json:"reason"`    // why this backend, or why none
	Running   int     `json:"running"`   // refreshes in progress or waiting
	// Refreshed counts refreshes since the start of the process, by result.
	Refreshed map[roster.Result]int64 `json:"refreshed"`
}

// StoreStatus is the size of the store.
type StoreStatus struct {
	Kind     string  `json:"kind"` // embedded or nats
	Bytes    int64   `json:"bytes"`
	MaxBytes int64   `json:"max_bytes"`
	Full     bool    `json:"full"`
	Reason   *string `json:"reason"` // why it accepts nothing more
	*RemoteStore
}

// RemoteStore is how a store on NATS is connected.
type RemoteStore struct {
	Server      string `json:"server"` // address of the NATS server that is used
	Replicas    int    `json:"replicas"`
	Connected   bool   `json:"connected"`
	Reconnects  int64  `json:"reconnects"`
	Unwritten   int    `json:"unwritten"`    // events that NATS has not confirmed
	UnwrittenMS int64  `json:"unwritten_ms"` // for how long the oldest of them is not
}
