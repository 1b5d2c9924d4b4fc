package config

import "path/filepath"

func (o *Outbox) check(s scope) {
	if o.MaxBytes < MiB {
		s.add("max_bytes", "%v is too little; write at least 1MiB, better 256MiB", o.MaxBytes)
	}
	if o.MaxCount < 1 {
		s.add("max_count", "%d leaves no room for a stanza; write for example 100000", o.MaxCount)
	}
	if o.MaxAge <= 0 {
		s.add("max_age", "%v is not a time to wait; write for example 24h", o.MaxAge)
	}
}

func (d *Deliveries) check(s scope) {
	if d.Keep <= 0 {
		s.add("keep", "%v keeps nothing; write for example 24h", d.Keep)
	}
	if d.MaxCount < 1 {
		s.add("max_count", "%d leaves no room for a delivery; write for example 100000", d.MaxCount)
	}
}

func (d *DeadLetters) check(s scope) {
	if d.Keep <= 0 {
		s.add("keep", "%v keeps nothing; write for example 336h", d.Keep)
	}
	if d.MaxBytes < MiB {
		s.add("max_bytes", "%v is too little; write at least 1MiB, better 1GiB", d.MaxBytes)
	}
}

func (st *Store) check(s scope) {
	onNATS := st.onNATS() || s.isSet("nats")
	switch {
	case onNATS && s.isSet("dir"):
		s.add("dir", "is here together with nats; keep dir for the embedded store, or nats for a NATS of your own")
	case onNATS:
		st.Dir = ""
		if s.isSet("sync") {
			s.add("sync", "has no effect with nats; remove it, and set sync_interval in the configuration of the NATS servers")
		}
		st.NATS.check(s.in("nats"))
	default:
		st.NATS = StoreNATS{}
	}
	switch {
	case onNATS:
	case st.Dir == "":
		s.add("dir", "is empty; write the directory that queues and dead letters are kept in")
	case !filepath.IsAbs(st.Dir) && s.variables["store.dir"] == "":
		// Like every path in the file. One from the environment is relative to
		// where the program is started, as everywhere.
		st.Dir = filepath.Join(s.files.base, st.Dir)
	}
	s.oneOf("sync", st.Sync, SyncInterval, SyncAlways)
	var stanza ByteSize
	for i := range s.c.Components {
		stanza = max(stanza, s.c.Components[i].MaxStanzaBytes)
	}
	switch {
	case st.MaxBytes < stanza:
		s.add("max_bytes", "%v has no room for one stanza of max_stanza_bytes (%v); make it larger", st.MaxBytes, stanza)
	case st.MaxBytes < 16*MiB: // what the kinds of records reserve
		s.add("max_bytes", "%v is too little for a store; write at least 16MiB, better 4GiB", st.MaxBytes)
	}
}
