// Package deliverylog keeps what became of deliveries, so that people can look it up:
// [Log.Add] takes an [Entry] for each attempt and each change of state, [Log.Get] and
// [Log.List] make a [Delivery] of all entries of one event. The log is in the store of
// its process (store.Store.DeliveryLog opens it); it is separate from the queues, and
// nothing is delivered because of it.
//
// One entry on its way: Add encodes it into the batch that is being filled (encode.go,
// writer.go); a quarter of a second later, or when the batch is full, the batch is
// compressed and put into the stream LOG as one record, whose headers have the smallest
// and the largest id in it (writer.go); the oldest batches go when there are too many
// entries (log.go). A search walks the batches backwards, skips those whose ids do not
// matter, and gathers a page (query.go).
package deliverylog
