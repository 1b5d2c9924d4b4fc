package upload

import (
	"cmp"
	"crypto/rand"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/jid"
)

// Bounds of what is kept of files that were uploaded.
const (
	keepFor    = 24 * time.Hour
	maxRecords = 10_000 // of which one caller may have half
)

// State is the state of an upload.
type State string

// The states.
const (
	Uploading State = "uploading"
	Done      State = "done"
	Failed    State = "failed"
)

// Record is what became of an upload.
type Record struct {
	State      State
	File       File
	Caller     string
	Sent, Size int64 // Size is -1 while it is not known
}

type record struct {
	Record
	bot   jid.JID
	may   func(bot jid.JID) bool // see Upload.May
	sent  atomic.Int64
	began time.Time
}

// key is an id of a caller: callers choose ids, and none takes those of another.
type key struct{ caller, id string }

// records are the latest uploads. They are lost with the process; the addresses of the files
// stay.
type records struct {
	mu    sync.Mutex
	byID  map[key]*record
	order map[string][]*record // by caller, the oldest first
}

// idPattern is what an id may be that a caller chooses.
var idPattern = regexp.MustCompile(`^file_[A-Za-z0-9_-]{8,64}$`)

// ValidID reports whether a caller may choose an id.
func ValidID(id string) bool { return idPattern.MatchString(id) }

// begin makes the record of an upload; nil if the caller has one with its id, which has not
// failed.
func (r *records) begin(u *Upload, now time.Time) *record {
	id, caller := cmp.Or(u.ID, "file_"+rand.Text()), u.Caller
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(caller, now)
	if r.byID == nil {
		r.byID, r.order = make(map[key]*record), make(map[string][]*record)
	}
	switch before := r.byID[key{caller, id}]; {
	case before != nil && before.State != Failed:
		return nil
	case before != nil:
		r.order[caller] = slices.DeleteFunc(r.order[caller], func(x *record) bool { return x == before })
	case len(r.order[caller]) >= maxRecords/2:
		r.drop(caller)
	case len(r.byID) >= maxRecords:
		r.drop(r.greediest())
	}
	x := &record{Record: Record{State: Uploading, File: File{ID: id}, Caller: caller, Size: u.Size}, bot: u.Bot, may: u.May, began: now}
	r.byID[key{caller, id}] = x
	r.order[caller] = append(r.order[caller], x)
	return x
}

func (r *records) end(x *record, f File, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.State, x.File = Done, f; err != nil {
		x.State, x.File = Failed, File{ID: x.File.ID}
	}
	if err == nil {
		x.Size = f.Size
	}
}

// get returns a record of a caller; the latest of any caller if that is empty.
func (r *records) get(id, caller string, now time.Time) (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if caller == "" {
		return r.latest(id, now, func(*record) bool { return true })
	}
	return r.byID[key{caller, id}].at(now)
}

// of returns the latest record that a bot may use: callers choose ids, and others may guess them.
func (r *records) of(id string, bot jid.JID, now time.Time) (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest(id, now, func(x *record) bool {
		return x.bot == bot || x.bot.Local() == "" && x.bot.Domain() == bot.Domain() && x.may != nil && x.may(bot)
	})
}

// latest returns the latest record with an id of those that are meant. r.mu is held.
func (r *records) latest(id string, now time.Time, meant func(*record) bool) (Record, bool) {
	var x *record
	for caller := range r.order {
		if one := r.byID[key{caller, id}]; one != nil && (x == nil || one.began.After(x.began)) && meant(one) {
			x = one
		}
	}
	return x.at(now)
}

// at returns a record, which may be nil, unless it is too old.
func (x *record) at(now time.Time) (Record, bool) {
	if x == nil || now.Sub(x.began) > keepFor {
		return Record{}, false
	}
	v := x.Record
	v.Sent = x.sent.Load()
	return v, true
}

// expire drops what a caller uploaded long ago.
func (r *records) expire(caller string, now time.Time) {
	for len(r.order[caller]) > 0 && now.Sub(r.order[caller][0].began) > keepFor {
		r.drop(caller)
	}
}

// drop drops the oldest record of a caller.
func (r *records) drop(caller string) {
	list := r.order[caller]
	delete(r.byID, key{caller, list[0].File.ID})
	if list = list[1:]; len(list) == 0 {
		delete(r.order, caller)
		return
	}
	r.order[caller] = list
}

func (r *records) greediest() (caller string) {
	most := 0
	for c, list := range r.order {
		if len(list) > most {
			caller, most = c, len(list)
		}
	}
	return caller
}

func (r *records) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byID)
}
