package delivery

import (
	"sync"

	"stanzahook/pkg/jid"
)

// keyedRunner runs jobs: those of one key one after the other, in the order they were
// added; keys independently of each other. A lane is a goroutine that exists
// while it has jobs. A job learns whether more wait behind it.
type keyedRunner struct {
	mu      sync.Mutex
	waiting map[string][]job
	jobs    int
	of      map[jid.JID]int // of these, by sender
	closed  bool
	wg      sync.WaitGroup
}

type job struct {
	sender jid.JID
	do     func(more bool)
}

// add queues a job. The empty key means a lane of its own. It reports false if the
// sender has its share of limit jobs there already, or after close.
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
		k.wg.Go(func() {
			do(false)
			k.ended(sender)
		})
		return true
	}
	if k.waiting == nil {
		k.waiting = make(map[string][]job)
	}
	queue, running := k.waiting[key]
	k.waiting[key] = append(queue, job{sender, do})
	if !running {
		k.wg.Go(func() { k.run(key) })
	}
	return true
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
		k.ended(next.sender)
	}
}

func (k *keyedRunner) ended(sender jid.JID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs--
	if k.of[sender]--; k.of[sender] == 0 {
		delete(k.of, sender)
	}
}

// close takes no more jobs and returns when those that are there have ended.
func (k *keyedRunner) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.wg.Wait()
}
