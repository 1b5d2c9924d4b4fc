#!/bin/sh
# Builds the Debian package:
#
#   build.sh BINARY ARCH VERSION OUTDIR
#
# BINARY is the program for ARCH (amd64, arm64), VERSION what "git describe" says.
# The manual pages and completions come from TOOL, the program for this machine
# (default: BINARY). The same input gives the same package, bit by bit: all times in
# it are SOURCE_DATE_EPOCH. COMPRESSION is the level of xz, 6 by default. Needs dpkg-deb,
# and no root.
set -eu

[ $# = 4 ] || {
	echo "usage: build.sh BINARY ARCH VERSION OUTDIR" >&2
	exit 2
}
binary=$1 arch=$2 version=$3 out=$4
tool=${TOOL:-$binary}
: "${SOURCE_DATE_EPOCH:?the time for the files, in seconds; that of the commit, say}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..

# v1.2.3 is 1.2.3; v1.2.3-rc.1 comes before it; v1.2.3-4-gabc, four commits behind it,
# after it; and a commit without any tag before everything.
case ${version#v} in
[0-9]*.*) version=$(printf %s "${version#v}" | sed 's/-\([0-9]*\)-g/+\1.g/; s/-dirty$/+dirty/; s/-/~/g') ;;
*) version=0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d).$(printf %s "$version" | sed 's/-dirty$/+dirty/; s/[^A-Za-z0-9.+~]/./g') ;;
esac
version=$version-1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
root=$work/root
doc=$root/usr/share/doc/stanzahook
man=$root/usr/share/man

install -D -m 755 "$binary" "$root/usr/bin/stanzahook"
install -D -m 644 "$top/deploy/systemd/stanzahook.service" "$root/lib/systemd/system/stanzahook.service"
# No configuration: none would fit, and an upgrade would ask about it. "stanzahook
# init" writes one.
install -d -m 750 "$root/etc/stanzahook"

mkdir -p "$man/man1" "$man/man5"
"$tool" man "$man/man1"
install -m 644 "$here/stanzahook.yaml.5" "$man/man5/"
find "$man" -type f -exec gzip -9n {} +

install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d"
"$tool" completion bash >"$root/usr/share/bash-completion/completions/stanzahook"
"$tool" completion zsh >"$root/usr/share/zsh/vendor-completions/_stanzahook"
"$tool" completion fish >"$root/usr/share/fish/vendor_completions.d/stanzahook.fish"

install -D -m 644 "$here/copyright" "$doc/copyright"
sh "$top/deploy/licenses.sh" | gzip -9n >"$doc/dependencies.gz"
install -d "$doc/examples"
install -m 644 "$top/deploy/samples/stanzahook.yaml" "$top/deploy/samples/prosody.cfg.lua" "$top/deploy/samples/ejabberd.yml" \
	"$top/deploy/prometheus/alerts.yml" "$top/deploy/grafana/stanzahook.json" "$doc/examples/"
# The guides, as they are in the source, so that their links to each other hold.
guide=$doc/guides
install -d "$guide/deploy/guide/migrate" "$guide/deploy/guide/growth" "$guide/examples/guide"
install -m 644 "$top/README.md" "$guide/"
install -m 644 "$top"/deploy/guide/growth/*.md "$top"/deploy/guide/growth/*.svg "$guide/deploy/guide/growth/"
install -m 644 "$top"/examples/guide/*.md "$guide/examples/guide/"
install -m 644 "$top"/deploy/guide/*.md "$top"/deploy/guide/*.png "$guide/deploy/guide/"
install -m 644 "$top"/deploy/guide/migrate/*.md "$guide/deploy/guide/migrate/"
for link in samples prometheus grafana; do
	ln -s ../../examples "$guide/deploy/$link"
done
gzip -9nc "$top/CHANGELOG.md" >"$doc/changelog.gz"
cat >"$work/changelog" <<END
stanzahook ($version) stable; urgency=medium

  * What has changed is in changelog.gz.

 -- stanzahook maintainers <maintainers@stanzahook.invalid>  $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S +0000')
END
gzip -9nc "$work/changelog" >"$doc/changelog.Debian.gz"
install -D -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/stanzahook"

install -d "$root/DEBIAN"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" "$here/control" >"$root/DEBIAN/control"
for script in postinst prerm postrm; do
	install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"

find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
file=stanzahook_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz -z"${COMPRESSION:-6}" --build "$root" "$out/$file" >/dev/null
echo "$out/$file"
