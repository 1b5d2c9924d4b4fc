package hook

// For the tests outside.
var (
	Decode    = decode
	Slacktext = slacktext
	Mdtext    = mdtext
	SignedHex = signedHex
)
