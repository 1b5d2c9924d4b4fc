package store

// SetMost changes how many threads there may be.
func (t *Threads) SetMost(n int) { t.most = n }
