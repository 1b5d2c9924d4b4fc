package store

import (
	"container/list"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// Bounds of the threads.
const (
	// ThreadKeep is how long the first message of a thread is known.
	ThreadKeep = 30 * 24 * time.Hour
	// MaxThreads is how many threads there may be.
	MaxThreads = 10_000
)

// Thread is what the messages of a hook to one recipient are about: an alert, a pull request.
type Thread struct {
	Hook string    `json:"hook"`
	Key  string    `json:"key"`
	To   string    `json:"to"`   // the recipient, or another part of the key
	Ref  string    `json:"ref"`  // of its first message: the text of a message.Ref
	Time time.Time `json:"time"` // of its first message
}

// Threads are the first messages of all threads. They are in memory, too, so that reading
// does not wait.
//
// Over MaxThreads the oldest of the hook goes that has the most, and so does the oldest of the
// hook with the most bytes before the stream is full, which removes the oldest of all: one hook
// with many, or with large ones, does not cost others theirs.
type Threads struct {
	bucket
	most      int
	mostBytes int

	mu    sync.Mutex
	all   map[string]*list.Element // of keptThread, by key of the bucket
	hooks map[string]*hookThreads
	bytes int // of all, in the store
}

// hookThreads are those of a hook, the oldest first.
type hookThreads struct {
	list.List
	bytes int
}

type keptThread struct {
	Thread
	at   string // key of the bucket
	size int
}

// threadOverhead is about what the store takes of a thread besides its record.
const threadOverhead = 320

func threadsConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "THREADS", About: "the first messages of what hooks report on", Subjects: "threads.*", MaxAge: ThreadKeep, MaxBytes: threadBytes(o),
	}, what: "a thread"}
}

func newThreads(b bucket) Threads {
	return Threads{bucket: b, most: MaxThreads, mostBytes: int(b.MaxBytes - b.MaxBytes/stream.ErasedShare), all: make(map[string]*list.Element), hooks: make(map[string]*hookThreads)}
}

func threadKey(hook, key, to string) string { return Conversation(hook+"\x00"+key, to) }

// load reads what earlier processes have stored.
func (t *Threads) load(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.st.Each(ctx, "", false, func(r *stream.Record, _ time.Time, _ int) error {
		var one Thread
		if err := json.Unmarshal(r.Data, &one); err != nil {
			t.log.Error("thread unreadable", zap.Error(err))
			return nil
		}
		t.add(one)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the threads: %w", err)
	}
	return nil
}

// Get returns a thread, if its first message is known.
func (t *Threads) Get(hook, key, to string) (Thread, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.all[threadKey(hook, key, to)]
	if e == nil || time.Since(e.Value.(keptThread).Time) > ThreadKeep {
		return Thread{}, false
	}
	return e.Value.(keptThread).Thread, true
}

// Put stores a thread.
//
// Killed before it returns: the thread is the old one or the new one, or the oldest has
// gone for it. Errors: gateway.ErrFull; then it is not known.
func (t *Threads) Put(ctx context.Context, one Thread) error {
	if err := t.putJSON(ctx, threadKey(one.Hook, one.Key, one.To), one); err != nil {
		return err
	}
	t.mu.Lock()
	t.add(one)
	over := t.over()
	t.mu.Unlock()
	for _, at := range over { // one that came back after a kill would be over again
		if err := t.st.Purge(context.WithoutCancel(ctx), t.prefix+at, 0); err != nil {
			return fmt.Errorf("remove a thread: %w", err)
		}
	}
	return nil
}

// Know changes the reference of a thread in memory, and reports whether the thread is still
// there; Put stores it.
func (t *Threads) Know(one Thread) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.all[threadKey(one.Hook, one.Key, one.To)]
	if e == nil || !e.Value.(keptThread).Time.Equal(one.Time) {
		return false
	}
	t.add(one)
	return true
}

// Forget removes a thread, unless it has begun anew.
//
// Killed before it returns: the thread may still be there.
func (t *Threads) Forget(ctx context.Context, one Thread) error {
	at := threadKey(one.Hook, one.Key, one.To)
	t.mu.Lock()
	e := t.all[at]
	if e == nil || !e.Value.(keptThread).Time.Equal(one.Time) {
		t.mu.Unlock()
		return nil
	}
	t.forget(e)
	t.mu.Unlock()
	return t.remove(ctx, at)
}

// All returns all threads, in no order.
func (t *Threads) All() []Thread {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Thread, 0, len(t.all))
	for _, e := range t.all {
		all = append(all, e.Value.(keptThread).Thread)
	}
	return all
}

// Count returns how many threads a hook has.
func (t *Threads) Count(hook string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of := t.hooks[hook]; of != nil {
		t.expire(of)
		return of.Len()
	}
	return 0
}

// add notes a thread. One that is known keeps its place, unless it begins anew. t.mu is held.
func (t *Threads) add(one Thread) {
	at := threadKey(one.Hook, one.Key, one.To)
	if e := t.all[at]; e != nil {
		if before := e.Value.(keptThread); before.Time.Equal(one.Time) {
			next := keptThread{one, at, sizeOf(one)}
			e.Value = next
			t.grow(t.hooks[one.Hook], next.size-before.size)
			return
		}
		t.forget(e)
	}
	of := t.hooks[one.Hook]
	if of == nil {
		of = &hookThreads{}
		t.hooks[one.Hook] = of
	}
	next := keptThread{one, at, sizeOf(one)}
	t.all[at] = of.PushBack(next)
	t.grow(of, next.size)
}

// sizeOf is about how many bytes of the store a thread takes.
func sizeOf(one Thread) int {
	data, err := json.Marshal(one)
	if err != nil { // it has no value that cannot be written
		return threadOverhead
	}
	return len(data) + threadOverhead
}

// grow notes that the threads of a hook take more, or less. t.mu is held.
func (t *Threads) grow(of *hookThreads, bytes int) {
	of.bytes += bytes
	t.bytes += bytes
}

// forget takes a thread out of memory; nil is none. t.mu is held.
func (t *Threads) forget(e *list.Element) {
	if e == nil {
		return
	}
	one := e.Value.(keptThread)
	delete(t.all, one.at)
	of := t.hooks[one.Hook]
	t.grow(of, -one.size)
	if of.Remove(e); of.Len() == 0 {
		delete(t.hooks, one.Hook)
	}
}

// expire forgets threads that the stream has removed because of their age. t.mu is held.
func (t *Threads) expire(of *hookThreads) {
	for e := of.Front(); e != nil && time.Since(e.Value.(keptThread).Time) > ThreadKeep; e = of.Front() {
		t.forget(e)
	}
}

// over forgets the threads that are too many, and returns their keys. t.mu is held.
func (t *Threads) over() (keys []string) {
	for many := len(t.all) > t.most; many || t.bytes > t.mostBytes; many = len(t.all) > t.most {
		var most *hookThreads
		for _, of := range t.hooks {
			if most == nil || many && of.Len() > most.Len() || !many && of.bytes > most.bytes {
				most = of
			}
		}
		keys = append(keys, most.Front().Value.(keptThread).at)
		t.forget(most.Front())
	}
	return keys
}
