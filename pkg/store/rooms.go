package store

import "context"

// RoomRecord is what of a bot in a room holds over restarts.
type RoomRecord struct {
	Room string `json:"room"`           // bare JID
	Bot  string `json:"bot"`            // bare JID
	Kept []byte `json:"kept,omitempty"` // how it is joined, with its password; empty: the configuration says that
	Mark []byte `json:"mark,omitempty"` // up to where its messages were seen
	// Refused is why the room is not joined any more; empty: it is.
	Refused []byte `json:"refused,omitempty"`
}

// Rooms are the rooms that bots are in.
type Rooms struct{ bucket }

func roomsConfig() bucketConfig {
	return bucketConfig{Config: keyValue("rooms", "the rooms of the bots"), what: "a room", always: true}
}

// Put stores a record.
//
// Killed before it returns: the record is the old one or the new one.
func (r *Rooms) Put(ctx context.Context, rec RoomRecord) error {
	return r.putJSON(ctx, Conversation(rec.Room, rec.Bot), rec)
}

// Remove removes the record of a room and a bot.
//
// Killed before it returns: the record may still be there.
func (r *Rooms) Remove(ctx context.Context, room, bot string) error {
	return r.remove(ctx, Conversation(room, bot))
}

// All returns all records.
func (r *Rooms) All(ctx context.Context) ([]RoomRecord, error) {
	return allJSON[RoomRecord](ctx, &r.bucket)
}
