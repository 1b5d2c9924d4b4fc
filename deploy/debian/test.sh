#!/bin/sh
# Installs the package, upgrades it, removes and purges it, on a copy of this machine:
# a layer over its files, in memory, that is thrown away in the end. Nothing of it is
# seen outside, and systemd is a script there that notes what it is told.
#
#   test.sh PACKAGE NEWER
#
# Needs Linux, Debian and root (or sudo). It fails where it cannot run.
set -eu

fail() {
	echo "deb-test: $*" >&2
	exit 1
}
[ $# = 2 ] || fail "usage: test.sh PACKAGE NEWER"
old=$(readlink -f "$1") new=$(readlink -f "$2") here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || fail "this needs root and there is no sudo"
	exec sudo sh "$0" "$old" "$new"
fi
if [ "${IN_LAYER:-}" = "" ]; then
	work=$(mktemp -d)
	trap 'rmdir "$work"' EXIT
	# The mounts go with the namespace.
	IN_LAYER=$work unshare --mount --pid --fork --kill-child --propagation private sh "$here/test.sh" "$old" "$new"
	exit
fi

mount -t tmpfs layer "$IN_LAYER"
mkdir "$IN_LAYER/upper" "$IN_LAYER/work" "$IN_LAYER/root"
root=$IN_LAYER/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$IN_LAYER/upper,workdir=$IN_LAYER/work" "$root" ||
	fail "this kernel or container gives no overlay"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mount -t tmpfs tmp "$root/tmp"
cp "$old" "$root/tmp/old.deb"
cp "$new" "$root/tmp/new.deb"

# A systemd that only listens.
mkdir -p "$root/run/systemd/system"
rm -f "$root/usr/sbin/policy-rc.d"
cat >"$root/tmp/systemctl" <<'END'
#!/bin/sh
echo "$@" >>/tmp/systemctl.log
END
chmod 755 "$root/tmp/systemctl"
for place in /bin/systemctl /usr/bin/systemctl; do
	rm -f "$root$place"
	cp "$root/tmp/systemctl" "$root$place"
done

inside() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
# What the package and the service may leave.
left() { (cd "$root" && find etc lib usr var/lib var/log var/cache -xdev -name '*stanzahook*' ! -path 'usr/local/*' ! -path 'usr/src/*' | sort); }
is() { [ "$1" = "$2" ] || fail "$3: \"$1\", not \"$2\""; }
told() { grep -q "$1" "$root/tmp/systemctl.log" 2>/dev/null; }
quiet() { "$@" >"$IN_LAYER/out" 2>&1 || { cat "$IN_LAYER/out" >&2; fail "$*"; }; }

inside dpkg --purge stanzahook >/dev/null 2>&1 || true # if this machine has it
: >"$root/tmp/systemctl.log"
before=$(left)
[ -z "$before" ] || fail "there are files of it already: $before"
users=$(cat "$root/etc/passwd" "$root/etc/group")

echo "deb-test: install"
quiet inside dpkg --install /tmp/old.deb
is "$(inside getent passwd stanzahook | cut -d: -f6,7)" /var/lib/stanzahook:/usr/sbin/nologin "the user"
inside stanzahook version | grep -q '^stanzahook ' || fail "the program does not say its version"
is "$(inside stat -c '%a %U %G' /etc/stanzahook)" "750 root stanzahook" /etc/stanzahook
is "$(inside ls -A /etc/stanzahook)" "" "the directory for the configuration"
is "$(inside dpkg-query -W -f '${Conffiles}' stanzahook)" "" "the files that an upgrade asks about"
for file in guides/README.md guides/deploy/guide/README.md guides/deploy/guide/configuration.md guides/deploy/guide/troubleshooting.md \
	guides/deploy/guide/migrate/mod_rest.md guides/examples/guide/webhooks.md guides/examples/guide/http-api.md \
	guides/deploy/prometheus/alerts.yml guides/deploy/grafana/stanzahook.json guides/deploy/samples/prosody.cfg.lua examples/stanzahook.yaml examples/alerts.yml; do
	[ -s "$root/usr/share/doc/stanzahook/$file" ] || fail "there is no $file"
done
[ -f "$root/lib/systemd/system/stanzahook.service" ] || fail "there is no unit"
for page in stanzahook.1 stanzahook-serve.1 stanzahook.yaml.5; do
	inside man -l --warnings "/usr/share/man/man${page##*.}/$page.gz" >"$IN_LAYER/page" 2>"$IN_LAYER/warnings" || fail "man $page"
	[ ! -s "$IN_LAYER/warnings" ] || fail "man $page: $(cat "$IN_LAYER/warnings")"
	grep -q NAME "$IN_LAYER/page" || fail "man $page is empty"
done
quiet inside bash -n /usr/share/bash-completion/completions/stanzahook
if told ' start ' || told 'restart'; then
	fail "a new service is started without a configuration: $(cat "$root/tmp/systemctl.log")"
fi
if inside stanzahook serve --config /etc/stanzahook/stanzahook.yaml 2>"$IN_LAYER/out"; then
	fail "it runs without a configuration"
fi
grep -q 'stanzahook init --dir /etc/stanzahook' "$IN_LAYER/out" || fail "the refusal does not say what to do: $(cat "$IN_LAYER/out")"
quiet inside stanzahook init --server prosody --domain bot.example.com --dir /etc/stanzahook
is "$(inside stat -c '%a %U %G' /etc/stanzahook/stanzahook.yaml)" "640 root stanzahook" stanzahook.yaml
quiet inside stanzahook check --config /etc/stanzahook/stanzahook.yaml

echo "deb-test: upgrade"
echo '# mine' >>"$root/etc/stanzahook/stanzahook.yaml"
echo secret >"$root/etc/stanzahook/bot.secret"
mkdir "$root/var/lib/stanzahook"
: >"$root/var/lib/stanzahook/lock"
was=$(inside dpkg-query -W -f '${Version}' stanzahook)
: >"$root/tmp/systemctl.log"
quiet inside dpkg --install /tmp/new.deb
[ "$(inside dpkg-query -W -f '${Version}' stanzahook)" != "$was" ] || fail "still $was"
told 'try-restart.*stanzahook.service' || fail "an upgrade does not restart: $(cat "$root/tmp/systemctl.log")"
tail -1 "$root/etc/stanzahook/stanzahook.yaml" | grep -qx '# mine' || fail "the configuration is overwritten"
is "$(inside ls -A /etc/stanzahook | tr '\n' ' ')" "bot.secret stanzahook.yaml " "the directory for the configuration after an upgrade"

echo "deb-test: remove"
: >"$root/tmp/systemctl.log"
quiet inside dpkg --remove stanzahook
told 'stop.*stanzahook.service' || fail "it is not stopped: $(cat "$root/tmp/systemctl.log")"
[ ! -e "$root/usr/bin/stanzahook" ] || fail "the program is still there"
[ -e "$root/etc/stanzahook/bot.secret" ] && [ -e "$root/var/lib/stanzahook/lock" ] || fail "more than the program is gone"

echo "deb-test: purge"
quiet inside dpkg --purge stanzahook
is "$(left)" "" "what is left"
is "$(cat "$root/etc/passwd" "$root/etc/group")" "$users" "users and groups"
echo "deb-test: ok"
