// Package debian has the Debian package: build.sh builds it, and the tests, with
// the tag integration, try it.
package debian
