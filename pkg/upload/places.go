package upload

import "sync"

// places bounds something that callers share: no caller may have more than half.
type places struct {
	most int64

	mu   sync.Mutex
	used int64
	held map[string]int64 // by caller, without those that have none
}

// take takes n for a caller, and returns why not; "" if it has. A caller that has none yet
// gets whatever fits.
func (p *places) take(caller string, n int64) Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch held := p.held[caller]; {
	case held > 0 && held+n > max(1, p.most/2):
		return Share
	case p.used+n > p.most:
		return Busy
	}
	if p.held == nil {
		p.held = make(map[string]int64)
	}
	p.used += n
	p.held[caller] += n
	return ""
}

func (p *places) give(caller string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used -= n
	if p.held[caller] -= n; p.held[caller] <= 0 {
		delete(p.held, caller)
	}
}

// inUse returns how many are taken.
func (p *places) inUse() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
