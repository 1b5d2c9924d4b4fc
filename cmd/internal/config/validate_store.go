package config

import "path/filepath"

func (v checker) outbox() {
	o := v.c.Outbox
	if o.MaxBytes < MiB {
		v.add("outbox.max_bytes", "%v is too little; write at least 1MiB, better 256MiB", o.MaxBytes)
	}
	if o.MaxCount < 1 {
		v.add("outbox.max_count", "%d leaves no room for a stanza; write for example 100000", o.MaxCount)
	}
	if o.MaxAge <= 0 {
		v.add("outbox.max_age", "%v is not a time to wait; write for example 24h", o.MaxAge)
	}
}

func (v checker) deliveries() {
	d := v.c.Deliveries
	if d.Keep <= 0 {
		v.add("deliveries.keep", "%v keeps nothing; write for example 24h", d.Keep)
	}
	if d.MaxCount < 1 {
		v.add("deliveries.max_count", "%d leaves no room for a delivery; write for example 100000", d.MaxCount)
	}
}

func (v checker) deadLetters() {
	d := v.c.DeadLetters
	if d.Keep <= 0 {
		v.add("dead_letters.keep", "%v keeps nothing; write for example 336h", d.Keep)
	}
	if d.MaxBytes < MiB {
		v.add("dead_letters.max_bytes", "%v is too little; write at least 1MiB, better 1GiB", d.MaxBytes)
	}
}

func (v checker) store() {
	store := &v.c.Store
	switch {
	case store.Dir == "":
		v.add("store.dir", "is empty; write the directory that queues and dead letters are kept in")
	case !filepath.IsAbs(store.Dir) && v.variables["store.dir"] == "":
		// Like every path in the file. One from the environment is relative to
		// where the program is started, as everywhere.
		store.Dir = filepath.Join(v.files.base, store.Dir)
	}
	v.oneOf("store.sync", store.Sync, SyncInterval, SyncAlways)
	least := MiB
	for i := range v.c.Components {
		least = max(least, v.c.Components[i].MaxStanzaBytes)
	}
	switch {
	case store.MaxBytes < MiB:
		v.add("store.max_bytes", "%v is too little for a store; write at least 1MiB, better 4GiB", store.MaxBytes)
	case store.MaxBytes < least:
		v.add("store.max_bytes", "%v has no room for one stanza of max_stanza_bytes (%v); make it larger", store.MaxBytes, least)
	}
}
