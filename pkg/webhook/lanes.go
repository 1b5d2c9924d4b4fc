package webhook

import "sync"

// lanes run jobs: those of one key one after the other, in the order they were
// added; keys independently of each other. A lane is a goroutine that exists
// while it has jobs.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]func()
	jobs    int
	closed  bool
	wg      sync.WaitGroup
}

// add queues a job. The empty key means a lane of its own. It reports false if
// limit jobs are there already (0: no limit), or after close.
func (l *lanes) add(key string, limit int, job func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || limit > 0 && l.jobs >= limit {
		return false
	}
	l.jobs++
	if key == "" {
		l.wg.Go(func() {
			job()
			l.ended()
		})
		return true
	}
	if l.waiting == nil {
		l.waiting = make(map[string][]func())
	}
	queue, running := l.waiting[key]
	l.waiting[key] = append(queue, job)
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
		job := queue[0]
		queue[0] = nil
		l.waiting[key] = queue[1:]
		l.mu.Unlock()
		job()
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
