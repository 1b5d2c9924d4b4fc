#!/bin/sh
# Builds what is released, static and without paths of this machine in it:
#
#   release.sh VERSION OUTDIR
#
# For linux/amd64 and linux/arm64 the program, the Debian package and an SBOM (CycloneDX),
# and SHA256SUMS.
# ARCHS="amd64" is only that one. All times are SOURCE_DATE_EPOCH, by default that of
# the commit, so the same commit, built by the same Go, gives the same files.
set -eu

[ $# = 2 ] || {
	echo "usage: release.sh VERSION OUTDIR" >&2
	exit 2
}
version=$1 out=$2
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C
rm -rf "$out"
mkdir -p "$out"

build() { CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -buildid= -X stanzahook/cmd/internal/build.version=$version" -o "$1" ./cmd/stanzahook; }

tool=$out/.tool
trap 'rm -f "$tool"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# The host's own, for manual pages and completions.
build "$tool"
for arch in ${ARCHS:-amd64 arm64}; do
	binary=$out/stanzahook-linux-$arch
	if [ "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" = "linux/$arch" ]; then
		cp "$tool" "$binary"
	else
		GOOS=linux GOARCH=$arch build "$binary"
	fi
	TOOL=$tool sh deploy/debian/build.sh "$binary" "$arch" "$version" "$out"
	go run ./deploy/sbom "$binary" "$version" >"$binary.cdx.json"
done
sh deploy/licenses.sh >"$out/licenses.txt"
(cd "$out" && sha256sum stanzahook* licenses.txt >SHA256SUMS)
