#!/bin/sh
# Makes the Debian that the trial boots, in the directory DIR: debootstrap, systemd, a
# client, and the packages of the XMPP servers, which are downloaded and not installed.
#
#   base.sh DIR
#
# What is there is left alone. Needs root.
set -eu

[ $# = 1 ] || {
	echo "usage: base.sh DIR" >&2
	exit 2
}
[ ! -e "$1/.stanzahook-trial" ] || exit 0
[ ! -e "$1" ] || {
	echo "base.sh: $1 is there, but not of this making; remove it first" >&2
	exit 1
}
mkdir -p "$(dirname "$1")"
new=$(mktemp -d "$1.XXXXXX")
trap 'umount "$new/proc" 2>/dev/null || :; rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$new"
mirror=${MIRROR:-http://deb.debian.org/debian}
debootstrap --variant=minbase --include=systemd-sysv,dbus,sudo,curl,ca-certificates,adduser,iproute2,openssl bookworm "$new" "$mirror"
cp /etc/resolv.conf "$new/etc/"
cat >"$new/etc/apt/apt.conf.d/90trial" <<END
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
END
mount -t proc proc "$new/proc"
DEBIAN_FRONTEND=noninteractive chroot "$new" sh -eu <<END
apt-get -q update
apt-get -q install python3-slixmpp
apt-get -q --download-only install prosody prosody-modules
apt-get -q --download-only install ejabberd
systemctl disable apt-daily.timer apt-daily-upgrade.timer
END
umount "$new/proc"
rm "$new/etc/resolv.conf"
echo trial >"$new/etc/hostname"
echo 127.0.1.1 trial >>"$new/etc/hosts"
: >"$new/.stanzahook-trial"
mv -T "$new" "$1"
