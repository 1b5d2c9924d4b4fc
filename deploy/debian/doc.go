// Package debian has the Debian package: build.sh builds it, and the tests, with
// the tags integration and deb, try it: they need a kernel that lays files over others.
package debian
