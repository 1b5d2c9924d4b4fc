#!/bin/sh
# Installs what stanzahook's demo and integration tests run against, with apt:
#
#   install.sh prosody     Prosody and its community modules
#   install.sh ejabberd    ejabberd
#   install.sh tests       both, and what the tests need besides
#   install.sh promtool    promtool, which comes with Prometheus
#   install.sh modules     what the Prosody modules need that we are compared with
#   install.sh package     what the tests of the Debian package need
#   install.sh plots       gnuplot, which draws what was measured
#   install.sh console     what the tests of the console need: Chromium, Node and npm
#   install.sh trial       what boots a Debian of its own
#   install.sh newer DIR   Prosody and ejabberd of the next Debian, unpacked into DIR
#                          for PROSODY_ROOT and EJABBERD_ROOT; nothing is installed
#
# What is there already is left alone; if all of it is, nothing is run. The services
# that come with the packages are neither started now nor left enabled for the next
# boot: stanzahook runs private servers on loopback itself.
set -eu

policy=/usr/sbin/policy-rc.d
lock=/run/stanzahook-install.lock
mark='# Left by an install.sh of stanzahook; safe to remove.'

say() { echo "stanzahook: $*"; }
fail() {
	echo "stanzahook: $*" >&2
	exit 1
}

# Prints where apt gets Debian's own packages from, as its lists have it.
debian_mirror() {
	apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
		awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "Debian" {print $4; exit}'
}

# Unpacks the servers of the next release of Debian, and what they need, into the
# directory $1, which is there in the end only if all went well. The mirror is the
# one that apt has; its own lists and packages stay as they are.
newer() {
	suite=${SUITE:-trixie}
	[ ! -e "$1" ] || [ -e "$1/.stanzahook-$suite" ] || fail "$1 is there, but not of this making; remove it first"
	[ ! -e "$1" ] || exit 0
	command -v apt-get >/dev/null || fail "there is no apt-get here, and only Debian's servers are known to this script"
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || fail "this needs root (chroot, mknod) and there is no sudo"
		say "unpacking needs root, so this goes on with sudo"
		exec sudo SUITE="$suite" sh "$0" newer "$1"
	fi
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then # no package lists
		apt-get -q -y update || fail "apt-get update failed (see above)"
		mirror=$(debian_mirror)
	fi
	[ -n "$mirror" ] || fail "apt has no source of Debian's here, and without one there are no servers to get"
	# Where Debian keeps its keys; without this file, what apt trusts decides.
	keys=/usr/share/keyrings/debian-archive-keyring.gpg signed=
	[ ! -e "$keys" ] || signed="[signed-by=$keys]"
	mkdir -p "$(dirname "$1")"
	new=$(mktemp -d "$1.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 755 "$new"
	root=$new/root apt=$new/apt
	mkdir -p "$root" "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
	: >"$apt/status"
	echo "deb $signed $mirror $suite main" >"$apt/sources.list"
	cat >"$apt/conf" <<-EOF
		Dir::State "$apt/state";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "$apt/parts";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
	EOF
	say "getting Prosody and ejabberd of Debian $suite into $1"
	export APT_CONFIG="$apt/conf" DEBIAN_FRONTEND=noninteractive
	apt-get -q -y update || fail "apt-get update failed for $suite (see above)"
	apt-get -q -y --no-install-recommends --download-only install base-files dash coreutils libc-bin ejabberd prosody prosody-modules ||
		fail "apt-get could not get the packages of $suite (see above)"
	# base-files first: it has the links from /bin and /lib into /usr.
	for deb in "$apt"/cache/archives/base-files_*.deb "$apt"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$root"
	done
	mkdir -p "$root/dev" "$root/tmp" "$root/etc/prosody/conf.d"
	chmod 1777 "$root/tmp"
	[ -e "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
	[ -e "$root/dev/urandom" ] || mknod -m 666 "$root/dev/urandom" c 1 9
	chroot "$root" /usr/bin/erl -noinput -eval 'halt().' || fail "the Erlang of $suite does not run here"
	chroot "$root" /usr/bin/prosodyctl about >"$new/about" 2>&1 || fail "the Prosody of $suite does not run here: $(tail -n 5 "$new/about")"
	: >"$root/.stanzahook-$suite"
	mv -T "$root" "$1" 2>/dev/null || [ -e "$1/.stanzahook-$suite" ] || fail "cannot make $1" # else another was faster
	say "unpacked: $(cd "$1" && echo usr/lib/*/ejabberd-*), $(grep -m 1 -E '^Prosody [0-9]' "$new/about")"
	exit 0
}

case ${1:-} in
newer)
	[ -n "${2:-}" ] || fail "usage: install.sh newer DIR"
	case $2 in
	/*) newer "${2%/}" ;;
	*) newer "$PWD/${2%/}" ;;
	esac
	;;
prosody) packages="prosody prosody-modules" ;;
ejabberd) packages="ejabberd" ;;
tests) packages="prosody prosody-modules ejabberd python3 python3-slixmpp python3-aiohttp socat jq curl nodejs php-cli gcc libc6-dev strace prometheus-alertmanager" ;;
package) packages="lintian man-db systemd" ;;
trial) packages="debootstrap systemd-container curl" ;;
console)
	packages="chromium nodejs"
	command -v npm >/dev/null || packages="$packages npm" # other packages of Node bring their own
	;;
promtool) packages="prometheus" ;;
modules) packages="lua-cjson" ;;
plots) packages="gnuplot-nox" ;;
*) fail "usage: install.sh prosody|ejabberd|tests|console|modules|package|plots|promtool|trial, or newer DIR" ;;
esac

# Sets $missing to those of $packages that are not installed.
find_missing() {
	missing=
	for p in $packages; do
		status=$(dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null || :)
		echo "$status" | grep -qx installed || missing="$missing $p"
	done
	missing=${missing# }
}

find_missing
[ -n "$missing" ] || exit 0

by_hand="install these by hand and try again: $missing"
command -v apt-get >/dev/null || fail "there is no apt-get here; $by_hand"
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || fail "this needs root and there is no sudo; as root, $by_hand"
	say "installing needs root, so this goes on with sudo"
	exec sudo sh "$0" "$1"
fi

# One at a time; whoever waited may find the work done.
exec 9>"$lock"
flock -w 900 9 || fail "another install.sh has been at it for 15 minutes; $by_hand"
find_missing
[ -n "$missing" ] || exit 0
by_hand="install these by hand and try again: $missing"

# Services that come with what is installed now, and are nobody's wish then.
units=/lib/systemd/system
services=
for u in prosody.service ejabberd.service epmd.service epmd.socket prometheus.service; do
	[ -e "$units/$u" ] || services="$services $u"
done

ours=
clean_up() {
	[ -z "$ours" ] || rm -f "$policy"
	command -v systemctl >/dev/null || return 0
	for u in $services; do
		[ ! -e "$units/$u" ] || systemctl disable --quiet "$u" 9>&- ||
			say "could not disable $u: it may start at the next boot"
	done
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Debian starts a service as soon as its package is installed, unless this says no.
if [ -f "$policy" ] && grep -qxF "$mark" "$policy"; then
	ours=yes # of an earlier run that was killed
elif [ ! -e "$policy" ]; then
	ours=yes
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
	chmod 755 "$policy"
fi

# Children do not get the lock: a daemon among them would hold it for good.
run_apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" 9>&-; }
apt_install() {
	# shellcheck disable=SC2086 # a list of names
	run_apt install --no-install-recommends $missing
}
known() {
	for p in $missing; do
		apt-cache show "$p" >/dev/null 2>&1 || return 1
	done
}

say "installing with apt: $missing"
if ! known || ! apt_install; then
	# No package lists, or such as are out of date.
	say "fetching the package lists first"
	run_apt update || fail "apt-get update failed (see above); $by_hand"
	apt_install || fail "apt-get install failed (see above); $by_hand"
fi

say "installed: $missing"
