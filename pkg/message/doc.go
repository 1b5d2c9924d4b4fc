// Package message knows what people do with messages besides writing them: reply, react,
// correct, retract, mark as read, write at this moment. Each of these has a XEP that refers
// to another message by an id of its own choice; a [Ref] holds them all, and is the one
// reference that HTTP callers and bots see.
//
// It follows XEP-0359 (stable ids), 0461 (replies), 0444 (reactions), 0308 (corrections),
// 0424 and 0425 (retraction, by the author and by a room), 0333 (markers), 0184 (receipts),
// 0085 (chat states), 0447 and 0367 (files), 0439 (buttons) and 0428 (fallback).
//
// ref.go is the text of a Ref, ref_of.go that of a message, and ref_id.go the id that each
// XEP takes of it. read.go finds what a message is, type.go names its event, text.go has what
// somebody has written, files.go the files, and encrypted.go the kind of encryption. recent.go
// remembers messages for a day, so that authors are known, and what was said of files before
// their addresses came (recent_file.go). buttons.go has the answers that a
// message offers, and questions.go remembers them, so that one that is chosen is known.
package message
