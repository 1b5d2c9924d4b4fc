package delivery

import (
	"sync"

	"stanzahook/pkg/jid"
)

// lanes run jobs: those of one key one after the other, in the order they were
// added; keys independently of each other. A lane is a goroutine that exists
// while it has jobs. A job is told whether more wait behind it.
type lanes struct {
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
func (l *lanes) add(key string, sender jid.JID, limit int, do func(more bool)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !mayTake(l.of[sender], limit-l.jobs) {
		return false
	}
	if l.of == nil {
		l.of = make(map[jid.JID]int)
	}
	l.jobs++
	l.of[sender]++
	if key == "" {
		l.wg.Go(func() {
			do(false)
			l.ended(sender)
		})
		return true
	}
	if l.waiting == nil {
		l.waiting = make(map[string][]job)
	}
	queue, running := l.waiting[key]
	l.waiting[key] = append(queue, job{sender, do})
	if !running {
		l.wg.Go(func() { l.run(key) })
	}
	return true
}

func (l *lanes) run(key string) {
	for {
		l.mu.Lock()
		queue := l.waiting[key]
		if len(queue) == 0 {
			delete(l.waiting, key)
			l.mu.Unlock()
			return
		}
		next, more := queue[0], len(queue) > 1 // or come meanwhile
		queue[0] = job{}
		l.waiting[key] = queue[1:]
		l.mu.Unlock()
		next.do(more)
		l.ended(next.sender)
	}
}

func (l *lanes) ended(sender jid.JID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs--
	if l.of[sender]--; l.of[sender] == 0 {
		delete(l.of, sender)
	}
}

// close takes no more jobs and returns when those that are there have ended.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wg.Wait()
}
