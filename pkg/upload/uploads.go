package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// slotTimeout bounds the wait for a slot.
const slotTimeout = 10 * time.Second

// File is a file that others can get.
type File struct {
	ID string
	message.File
}

// Upload is a file that a caller sends.
type Upload struct {
	Bot    jid.JID // who asks for the slot
	Caller string  // whose share counts
	Person string  // for whom the caller does it, whose share of the caller's counts; empty: for nobody else
	ID     string  // see [ValidID]; empty: one is made
	Name   string  // see [Name]
	Type   string  // empty: what it looks like
	Size   int64   // -1: not known
	Most   int64   // that the caller may send; 0: as much as all may
	Body   io.Reader
	// May reports whether the caller may send from a bot: what it uploads in the name of the
	// component is for those bots. Nil: for none.
	May       func(bot jid.JID) bool
	Interrupt func() // ends a read of Body that waits; nil: nothing does
}

func (x *Upload) interrupt() {
	if x.Interrupt != nil {
		x.Interrupt()
	}
}

// Service is where a component asks for slots.
type Service struct {
	JID      jid.JID
	MaxBytes int64  // of a file; 0: it does not say
	Software string // Prosody, ejabberd, or empty: not known
	Unseen   bool   // it has not said what it is; there may be none
}

// Settings are those of one component. All are needed.
type Settings struct {
	MaxBytes    int64
	Spool       int64         // of all files that are spooled at a time
	Timeout     time.Duration // of one upload
	Concurrency int
	Clients
}

// Clients send the requests of one component. They are of package outbound, without a timeout
// of their own.
type Clients struct{ Put, Fetch *http.Client }

// Options are what uploads work with.
type Options struct {
	Components map[string]Settings // by domain
	// Service returns where a component asks for slots. The error is an [*Error], or that of
	// ctx.
	Service func(ctx context.Context, component string) (Service, error)
	// Request sends an IQ and returns its answer, as gateway.Sender does.
	Request func(context.Context, *stanza.Stanza) (*stanza.Stanza, error)
	Dir     string           // of spooled files; empty: that of temporary files
	Now     func() time.Time // nil: time.Now
}

// Counters count uploads since the start.
type Counters struct{ Done, Failed, Bytes atomic.Int64 }

// Uploads uploads files for all components.
type Uploads struct {
	components map[string]*component
	records    records
	now        func() time.Time
}

// component uploads the files of one component.
type component struct {
	Settings
	domain   string
	o        *Options
	all      *Uploads
	places   places
	spool    places
	counters Counters
	refused  [2]atomic.Int64 // without a place: by share, and full
	pauses   []time.Duration
	clients  atomic.Pointer[Clients]
}

// New returns uploads. Nothing runs until a file comes.
func New(o Options) *Uploads {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dir == "" {
		o.Dir = os.TempDir()
	} else {
		removeSpooled(o.Dir)
	}
	u := &Uploads{components: make(map[string]*component), now: o.Now}
	for domain, s := range o.Components {
		c := &component{Settings: s, domain: domain, o: &o, all: u, pauses: []time.Duration{200 * time.Millisecond, time.Second}}
		c.places.most, c.spool.most = int64(s.Concurrency), s.Spool
		c.clients.Store(&s.Clients)
		u.components[domain] = c
	}
	return u
}

// Use makes requests of a component go through other clients from now on.
func (u *Uploads) Use(component string, clients Clients) {
	if c := u.components[component]; c != nil {
		c.clients.Store(&clients)
	}
}

// MaxBytes returns how large a file of any component may be.
func (u *Uploads) MaxBytes() int64 {
	most := int64(0)
	for _, c := range u.components {
		most = max(most, c.MaxBytes)
	}
	return most
}

// Get returns what became of an upload of a caller in the last 24 hours; of any caller if
// that is empty.
func (u *Uploads) Get(id, caller string) (Record, bool) { return u.records.get(id, caller, u.now()) }

// Of returns what became of the latest upload with an id that a bot may use: one of its own, or one
// in the name of its component by a caller that may send from the bot.
func (u *Uploads) Of(id string, bot jid.JID) (Record, bool) { return u.records.of(id, bot, u.now()) }

// Put uploads a file. It reads the body until it returns, and not after. The error is an
// [*Error], or one of Options.Request.
func (u *Uploads) Put(ctx context.Context, x Upload) (File, error) {
	c := u.components[x.Bot.Domain()]
	if c == nil {
		return File{}, &Error{Reason: NoService, Text: "the domain " + x.Bot.Domain() + " is none of our components"}
	}
	release, err := c.enter(&x)
	if err != nil {
		return File{}, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.upload(ctx, x)
}

// enter takes a place.
func (c *component) enter(x *Upload) (release func(), err error) {
	h := holder{x.Caller, x.Person}
	if why := c.places.take(h, 1); why != "" {
		at := 0
		if why == Busy {
			at = 1
		}
		c.refused[at].Add(1)
		return nil, &Error{Reason: why}
	}
	return func() { c.places.give(h, 1) }, nil
}

// upload uploads a file that has a place.
func (c *component) upload(ctx context.Context, x Upload) (f File, err error) {
	record := c.all.records.begin(&x, c.all.now())
	if record == nil {
		return File{}, &Error{Reason: Taken, Text: "an upload with the id " + x.ID + " exists already"}
	}
	defer func() {
		c.all.records.end(record, f, err)
		if err != nil {
			c.counters.Failed.Add(1)
			return
		}
		c.counters.Done.Add(1)
		c.counters.Bytes.Add(f.Size)
	}()
	most := smaller(x.Most, c.MaxBytes)
	body := &content{size: x.Size, rest: x.Body, sent: &record.sent}
	switch {
	case x.Size == 0:
		return File{}, &Error{Reason: Empty}
	case x.Size > most:
		return File{}, &Error{Reason: TooLarge, MaxBytes: most}
	case x.Size < 0:
		stop := context.AfterFunc(ctx, x.interrupt)
		s, err := spool(c.o.Dir, &c.spool, x.Caller, x.Body, most)
		stop()
		if err != nil {
			return File{}, c.broken(ctx, err)
		}
		defer s.close()
		body.file, body.size = s.file, s.size
	default:
		body.interrupt = x.interrupt
	}
	if err := body.peek(); err != nil {
		return File{}, c.broken(ctx, err)
	}
	f = File{record.File.ID, message.File{Name: Name(x.Name), Size: body.size, Type: typeOf(x.Type, body.head)}}
	body.image = len(f.Type) > 6 && f.Type[:6] == "image/"
	if f.URL, err = c.send(ctx, x.Bot, &f, body); err != nil {
		return File{}, err
	}
	body.result(&f)
	return f, nil
}

// send asks for slots and puts the file, until that has succeeded.
func (c *component) send(ctx context.Context, bot jid.JID, f *File, body *content) (string, error) {
	for try := 0; ; try++ {
		s, err := c.slot(ctx, bot, f)
		if err != nil {
			return "", err
		}
		a, again := body.begin()
		if !again {
			return "", c.broken(ctx, body.failed())
		}
		stop := context.AfterFunc(ctx, body.stop)
		err = put(ctx, c.clients.Load().Put, s, f.Type, a)
		a.end()
		stop()
		if err == nil {
			return s.get.String(), nil
		}
		if source := body.failed(); source != nil && source != errEnded {
			return "", c.broken(ctx, source)
		}
		e, _ := errors.AsType[*Error](err)
		if try == len(c.pauses) || e.Reason != PutFailed || e.Status != 0 || ctx.Err() != nil || !body.whole() {
			return "", late(ctx, err)
		}
		select { // the network may need a moment
		case <-time.After(c.pauses[try]):
		case <-ctx.Done():
			return "", late(ctx, err)
		}
	}
}

// slot asks the service for a slot.
func (c *component) slot(ctx context.Context, bot jid.JID, f *File) (slot, error) {
	ctx, cancel := context.WithTimeout(ctx, slotTimeout)
	defer cancel()
	s, err := c.o.Service(ctx, c.domain)
	if err != nil {
		return slot{}, c.silent(err, s)
	}
	if s.MaxBytes > 0 && f.Size > s.MaxBytes {
		e := &Error{Reason: TooLarge, MaxBytes: s.MaxBytes, Service: s.JID}
		adviseOn(e, s, c.domain)
		return slot{}, e
	}
	ask, err := slotRequest(bot, s.JID, "slot-"+rand.Text(), f.Name, f.Type, f.Size)
	if err != nil {
		return slot{}, err
	}
	answer, err := c.o.Request(ctx, ask)
	if err != nil {
		return slot{}, c.silent(err, s)
	}
	got, err := readSlot(answer)
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Reason == TooLarge {
			e.MaxBytes = smaller(e.MaxBytes, c.MaxBytes)
		}
		e.Service = s.JID
		if e.Reason == Forbidden && s.Unseen && !c.exists(ctx, bot, s) {
			e.Reason = NoService
		}
		adviseOn(e, s, c.domain)
		return slot{}, e
	}
	if err != nil {
		return slot{}, &Error{Reason: PutFailed, Service: s.JID, Err: err, Text: "the answer of " + s.JID.String() + " cannot be used: " + err.Error()}
	}
	return got, nil
}

// exists reports whether there is a service that says no. Where there is none, and the server
// reaches no other, that is what it says no with, too: Prosody not-allowed, ejabberd forbidden. But a
// service says to everybody what it is.
func (c *component) exists(ctx context.Context, bot jid.JID, s Service) bool {
	ask, err := discoRequest(bot, s.JID, "slot-"+rand.Text())
	if err != nil {
		return true
	}
	answer, err := c.o.Request(ctx, ask)
	return err != nil || answer.Type != "error"
}

func (c *component) silent(err error, s Service) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Reason: Silent, Service: s.JID, Err: err}
	}
	return err
}

func smaller(theirs, ours int64) int64 {
	if theirs > 0 && theirs < ours {
		return theirs
	}
	return ours
}

// broken is the error of a file that could not be read.
func (c *component) broken(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	disk, ours := errors.AsType[*fs.PathError](err) // of the spool
	switch {
	case ours:
		return &Error{Reason: NoRoom, Err: err, Text: "no file can be kept on the disk of stanzahook now: " + disk.Err.Error() + "; send a Content-Length, or try again later"}
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Reason: Stopped, Err: err, Text: "the upload was given up"}
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Reason: Slow, Err: err, Text: "the file did not arrive in time"}
	}
	return &Error{Reason: Broken, Err: err, Text: "the file could not be read to its end: " + err.Error()}
}

// late makes the error of a PUT that took too long say so.
func late(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == PutFailed && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Text = "it took longer than uploads.timeout"
	}
	return err
}

// Use is the use of one component's uploads.
type Use struct {
	Component        string
	Running, Most    int64
	Spooled          int64 // bytes
	Done, Failed     int64
	Bytes            int64
	ByShare, Crowded int64 // refused: the caller had its share, all places were taken
}

// Uses returns the use of all components, in no order.
func (u *Uploads) Uses() []Use {
	all := make([]Use, 0, len(u.components))
	for _, c := range u.components {
		all = append(all, Use{c.domain, c.places.inUse(), c.places.most, c.spool.inUse(), c.counters.Done.Load(), c.counters.Failed.Load(), c.counters.Bytes.Load(), c.refused[0].Load(), c.refused[1].Load()})
	}
	return all
}

// Records returns how many records are kept.
func (u *Uploads) Records() int { return u.records.count() }
