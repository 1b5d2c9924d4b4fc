package hook

// For the tests outside.
var (
	Decode    = decode
	Slacktext = slacktext
	Mdtext    = mdtext
	Emoji     = emoji
	SignedHex = signedHex
)

// MaxMarkup is how much of a text is read.
const MaxMarkup = maxMarkup
