package store

import "context"

// Read returns the next events of a conversation after a place, at most n.
// Records that are damaged are removed, and logged.
func (q *Queue) Read(ctx context.Context, conversation string, after uint64, n int) ([]Stored, error) {
	var list []Stored
	next := after + 1
	for len(list) < n {
		records, err := q.st.Page(ctx, q.subject(conversation), next, n-len(list))
		if err != nil {
			return list, err
		}
		if len(records) == 0 {
			return list, nil
		}
		for _, m := range records {
			next = m.Seq + 1
			q.mu.Lock()
			done := q.led.isDone(conversation, m.Seq) || m.Seq > q.top // refused, or not yet reported as stored
			q.mu.Unlock()
			if done {
				continue
			}
			r, err := readRecord(m.Subject, m.Data)
			if err != nil {
				q.qs.log.Error(err.Error() + "; it is removed")
				if err := q.Drop(ctx, m.Seq); err != nil {
					return list, err
				}
				continue
			}
			list = append(list, Stored{r, m.Seq})
		}
	}
	return list, nil
}
