// Package secret keeps passwords and tokens out of everything a program
// prints.
//
// A [String] carries a text that only [String.Reveal] gives back. Every other
// way out shows "<secret>": fmt with any verb, JSON, YAML, XML and other text
// encodings, log/slog, and zap with zap.Stringer, zap.Any or zap.Reflect.
// That holds for a String inside of a struct too, also in an unexported field,
// which fmt prints without asking its methods: a String holds only a pointer
// to its text, so such a field shows an address and never the text.
//
// A String comes from a value that is already at hand, or from a file:
//
//	password := secret.New("s3cret")
//	password, err := secret.FromFile("/etc/stanzahook/bot.secret")
//
// A file holds one secret. One newline at its end is not part of it, because
// editors and echo put one there.
//
// # systemd credentials
//
// A unit with LoadCredential=bot.secret:/etc/stanzahook/bot.secret finds the
// file in the directory that $CREDENTIALS_DIRECTORY names. [Find] looks a
// relative path up there first, then next to the configuration file, so that
// one line of configuration serves both ways of starting:
//
//	path, err := secret.Find("bot.secret", os.Getenv("CREDENTIALS_DIRECTORY"), "/etc/stanzahook")
//	if err != nil {
//		return err
//	}
//	password, err := secret.FromFile(path)
//
// # What it does not do
//
// The text stays in memory until the garbage collector takes it, a core dump
// shows it, and so does a printer that follows pointers into unexported
// fields.
package secret
