package webhook

import "sync"

// lanes run jobs: those of one key one after the other, in the order they were
// added; keys independently of each other. A lane is a goroutine that exists
// while it has jobs. A job is told whether more wait behind it.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]job
	jobs    int
	closed  bool
	wg      sync.WaitGroup
}

type job func(more bool)

// add queues a job. The empty key means a lane of its own. It reports false if
// limit jobs are there already (0: no limit), or after close.
func (l *lanes) add(key string, limit int, do job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || limit > 0 && l.jobs >= limit {
		return false
	}
	l.jobs++
	if key == "" {
		l.wg.Go(func() {
			do(false)
			l.ended()
		})
		return true
	}
	if l.waiting == nil {
		l.waiting = make(map[string][]job)
	}
	queue, running := l.waiting[key]
	l.waiting[key] = append(queue, do)
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
		do, more := queue[0], len(queue) > 1 // or come meanwhile
		queue[0] = nil
		l.waiting[key] = queue[1:]
		l.mu.Unlock()
		do(more)
		l.ended()
	}
}

func (l *lanes) ended() {
	l.mu.Lock()
	l.jobs--
	l.mu.Unlock()
}

// close takes no more jobs and returns when those that are there have ended.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wg.Wait()
}
