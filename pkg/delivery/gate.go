package delivery

// Gate lets attempts begin only when may allows it: it waits until it does, and reports false
// if done comes before. It is called before Open; nil: there is no gate.
func (w *Worker) Gate(may func(done <-chan struct{}) bool) { w.gate = may }
