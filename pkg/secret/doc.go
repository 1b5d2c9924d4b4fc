// Package secret keeps passwords and tokens out of everything a program
// prints.
//
// A [String] has a text that only [String.Reveal] returns. Every other output
// shows "<secret>": fmt with any verb, JSON, YAML, XML and other text
// encodings, log/slog, and zap with zap.Stringer, zap.Any or zap.Reflect.
// That is also true for a String inside a struct, even in an unexported field, which
// fmt prints without calling its methods: a String holds only a pointer to its text,
// so such a field shows an address and never the text.
//
// A String is made of a value or read from a file:
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
// file in the directory that $CREDENTIALS_DIRECTORY names. [Find] looks up a
// relative path there first, then next to the configuration file, so that one line
// of configuration works with and without systemd:
//
//	path, err := secret.Find("bot.secret", os.Getenv("CREDENTIALS_DIRECTORY"), "/etc/stanzahook")
//	if err != nil {
//		return err
//	}
//	password, err := secret.FromFile(path)
//
// # Limitations
//
// The text stays in memory until it is garbage collected. A core dump shows it, and
// so does a printer that follows pointers into unexported fields.
package secret
