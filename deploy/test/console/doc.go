// Package console tests the console in a browser, on Prosody and ejabberd: pages.mjs
// drives one Chromium through playwright-core, and tells this package what is to happen
// outside of the page: what a user writes, how the bot answers, that stanzahook is
// stopped. "make console-test" installs what it needs and runs it.
package console
