package upload

import "sync"

// places bounds something that callers share: no caller may have more than half, and none of
// the people for whom a caller uploads more than a quarter.
type places struct {
	most int64

	mu   sync.Mutex
	used int64
	held map[holder]int64 // without those that have none
}

// holder is a caller, with all for whom it uploads, or one of these.
type holder struct{ caller, person string }

// take takes n, and returns why not; "" if it has. A caller that has none yet gets whatever
// fits, and so does a person.
func (p *places) take(h holder, n int64) Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.exceeds(holder{caller: h.caller}, n, p.most/2), h.person != "" && p.exceeds(h, n, p.most/4):
		return Share
	case p.used+n > p.most:
		return Busy
	}
	p.add(h, n)
	return ""
}

func (p *places) exceeds(h holder, n, share int64) bool {
	held := p.held[h]
	return held > 0 && held+n > max(1, share)
}

func (p *places) give(h holder, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(h, -n)
}

// add notes that a holder has n more. p.mu is held.
func (p *places) add(h holder, n int64) {
	if p.held == nil {
		p.held = make(map[holder]int64)
	}
	p.used += n
	of := []holder{{caller: h.caller}}
	if h.person != "" {
		of = append(of, h)
	}
	for _, one := range of {
		if p.held[one] += n; p.held[one] <= 0 {
			delete(p.held, one)
		}
	}
}

// inUse returns how many are taken.
func (p *places) inUse() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
