package delivery

import (
	"sync"

	"stanzahook/pkg/jid"
)

// keyedRunner runs jobs: those of one key one after the other, in the order they were
// added; keys independently of each other, each in a goroutine while it has jobs.
type keyedRunner struct {
	mu      sync.Mutex
	waiting map[string][]job
	jobs    int
	of      map[jid.JID]int // by sender
	closed  bool
	wg      sync.WaitGroup // of the goroutines that run jobs
	// goroutines may be those of other runners, too.
	goroutines *Goroutines
}

type job struct {
	sender jid.JID
	do     func(more bool) // more: another job of the key waits
}

// add queues a job. The empty key stands for a key of its own. It reports false if the
// sender has its share of limit jobs already, or after close.
func (k *keyedRunner) add(key string, sender jid.JID, limit int, do func(more bool)) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || !mayTake(k.of[sender], limit-k.jobs) {
		return false
	}
	if k.of == nil {
		k.of = make(map[jid.JID]int)
	}
	k.jobs++
	k.of[sender]++
	if key == "" {
		k.start(func() {
			do(false)
			k.done(sender)
		})
		return true
	}
	if k.waiting == nil {
		k.waiting = make(map[string][]job)
	}
	queue, running := k.waiting[key]
	k.waiting[key] = append(queue, job{sender, do})
	if !running {
		k.start(func() { k.run(key) })
	}
	return true
}

func (k *keyedRunner) start(run func()) {
	k.wg.Add(1)
	k.goroutines.run(func() {
		run()
		k.wg.Done()
	})
}

func (k *keyedRunner) run(key string) {
	for {
		k.mu.Lock()
		queue := k.waiting[key]
		if len(queue) == 0 {
			delete(k.waiting, key)
			k.mu.Unlock()
			return
		}
		next, more := queue[0], len(queue) > 1 // or come meanwhile
		queue[0] = job{}
		k.waiting[key] = queue[1:]
		k.mu.Unlock()
		next.do(more)
		k.done(next.sender)
	}
}

func (k *keyedRunner) done(sender jid.JID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs--
	if k.of[sender]--; k.of[sender] == 0 {
		delete(k.of, sender)
	}
}

// len returns how many jobs there are.
func (k *keyedRunner) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.jobs
}

// close refuses more jobs and waits for those that there are.
func (k *keyedRunner) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.wg.Wait()
}
