package tail

import "errors"

const (
	// maxReaders bounds the readers, and adminPlaces of their places are for admins.
	maxReaders  = 32
	adminPlaces = 4
	// share bounds the readers of one caller.
	share = maxReaders / 2
)

// Errors of Open.
var (
	ErrFull  = errors.New("all places for readers of the tail are taken; close one, or try again later")
	ErrShare = errors.New("the readers of this token have half of all places, as many as one token may; close one of them")
)

// places are those of the readers.
type places struct {
	used    int
	by      map[string]int // by caller
	refused uint64
}

// take takes a place for a caller; one without a name has no share.
func (p *places) take(caller string, admin bool) error {
	free := maxReaders
	if !admin {
		free -= adminPlaces
	}
	switch {
	case p.used >= free:
		p.refused++
		return ErrFull
	case caller != "" && p.by[caller] >= share:
		p.refused++
		return ErrShare
	}
	if p.by == nil {
		p.by = make(map[string]int)
	}
	p.used++
	p.by[caller]++
	return nil
}

func (p *places) leave(caller string) {
	p.used--
	if p.by[caller]--; p.by[caller] == 0 {
		delete(p.by, caller)
	}
}
