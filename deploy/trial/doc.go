// Package trial follows the operator's guide (../guide) as a new operator
// would: on a Debian fresh from debootstrap, with systemd, and the XMPP server that
// the distribution has. Its tests boot that in a container whose changes are in memory
// and which has no network but its own loopback; it needs Linux, root, debootstrap and
// systemd-nspawn. See "make trial".
package trial
