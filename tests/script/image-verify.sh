#!/bin/sh
# What is beside an image: manifest, signatures, SBOMs, provenance; and
# verify, which must find every change.
set -eu
. tests/lib.sh
scratch
mkdir -p "$T/tree/usr/lib" "$T/tree/var/lib/dpkg" "$T/out" "$T/tmp"
printf 'NAME="Debian"\nID=debian\nVERSION_ID="12"\n' >"$T/tree/usr/lib/os-release"
cat >"$T/tree/var/lib/dpkg/status" <<'END'
Package: zlib1g
Status: install ok installed
Maintainer: Some Body <some@body.example>
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1
Homepage: http://zlib.example/

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b2
END
SOURCE_DATE_EPOCH=1700000000 TMP_DIR=$T/tmp
export SOURCE_DATE_EPOCH TMP_DIR
openssl genpkey -algorithm ed25519 -out "$T/key" 2>/dev/null
openssl pkey -in "$T/key" -pubout -out "$T/key.pub"
openssl genpkey -algorithm ed25519 -out "$T/other" 2>/dev/null
ssh-keygen -q -t ed25519 -N '' -C '' -f "$T/ssh"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$T/ssh-other"

# make KEY
make() {
	rm -rf "$T/out"
	mkdir "$T/out"
	image-build pack -q -f raw,tar.zst --sign "$1" -o "$T/out/web" \
		"$T/tree" >/dev/null || fail "not made with $1"
}
good() {
	image-build verify "$@" >"$T/log" 2>&1 || fail "verify $*: $(cat "$T/log")"
}
# bad TEXT ARGUMENT...
bad() {
	text=$1
	shift
	status=0
	image-build verify "$@" >"$T/log" 2>&1 || status=$?
	[ $status = 1 ] || fail "verify $*: status $status"
	has "$text" "$T/log"
}

for kind in key ssh; do
	make "$T/$kind"
	good --key "$T/$kind.pub" "$T/out/web.raw" "$T/out/web.tar.zst"
	has "web.tar.zst: good" "$T/log"
	good --key "$T/$kind.pub" "$T/out/web.manifest.json"
	[ "$(grep -c ': good' "$T/log")" = 6 ] || fail "all files: $(cat "$T/log")"
	good "$T/out/web.raw"
	has "the signature is not checked" "$T/log"
	for other in other ssh-other.pub; do
		bad "$T/out/web.manifest.json" --key "$T/$other" "$T/out/web.raw"
	done
	cp "$T/out/web.manifest.json" "$T/manifest"
	sed -i 's/"version": 1/"version": 2/' "$T/out/web.manifest.json"
	bad "was not made with the key" --key "$T/$kind.pub" "$T/out/web.raw"
	cp "$T/manifest" "$T/out/web.manifest.json"
	rm "$T/out/web.manifest.json.sig"
	bad "web.manifest.json" --key "$T/$kind.pub" "$T/out/web.raw"
done

# ---- every change of a file
printf 'x' | dd of="$T/out/web.raw" bs=1 seek=3000000 conv=notrunc status=none
bad "web.raw: its SHA-256 is not the manifest's" "$T/out/web.raw"
echo >>"$T/out/web.tar.zst"
bad "and the manifest says" "$T/out/web.tar.zst"
echo >>"$T/out/web.spdx.json"
rm "$T/out/web.raw"
bad "web.raw: No such file" "$T/out/web.manifest.json"
cp "$T/out/web.tar.zst" "$T/out/web.vdi"
bad "not in the manifest" "$T/out/web.vdi"
bad "no manifest beside it" "$T/tree/usr/lib/os-release"
sed -i 's|"web.raw"|"../web.raw"|' "$T/out/web.manifest.json"
bad 'the manifest lists "../web.raw"' "$T/out/web.manifest.json"
echo '{"files": [1, null, []]}' >"$T/out/web.manifest.json"
bad 'the manifest lists ""' "$T/out/web.manifest.json"
echo '[' >"$T/out/web.manifest.json"
bad "web.manifest.json:" "$T/out/web.manifest.json"

# ---- the documents
DIB_PASSWORD=hidden DIB_RELEASE=bookworm make "$T/key"
cp -r "$T/out" "$T/first"
DIB_PASSWORD=hidden DIB_RELEASE=bookworm make "$T/key"
diff -r "$T/first" "$T/out" || fail "not the same bytes twice"
cd "$T/out"
[ "$(jq -r '[.packages[] | select(.externalRefs) | .name + " " + .versionInfo] | join(",")' \
	web.spdx.json)" = "bash 5.2.15-2+b2,zlib1g 1:1.2.13.dfsg-1" ] || fail "spdx"
[ "$(jq -r '.packages[2].externalRefs[0].referenceLocator' web.spdx.json)" = \
	"pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64" ] || fail "purl"
[ "$(jq -r '[.relationships[].relationshipType] | unique | join(" ")' web.spdx.json)" = \
	"CONTAINS DESCRIBES" ] || fail "spdx: relationships"
[ "$(jq -r '.spdxVersion + " " + .creationInfo.created' web.spdx.json)" = \
	"SPDX-2.3 2023-11-14T22:13:20Z" ] || fail "spdx: header"
[ "$(jq -r '.bomFormat + .specVersion + " " + ([.components[].name] | join(" "))' \
	web.cdx.json)" = "CycloneDX1.5 bash zlib1g" ] || fail "cyclonedx"
[ "$(jq -r '.subject[] | select(.name == "web.raw") | .digest.sha256' \
	web.provenance.json)" = "$(sha256sum web.raw | cut -d' ' -f1)" ] ||
	fail "provenance: subject"
[ "$(jq -r '.predicate.buildDefinition.externalParameters.variables | keys | join(" ")' \
	web.provenance.json)" = DIB_RELEASE ] || fail "provenance: variables"
if grep -rq hidden .; then
	fail "a password is told: $(grep -rl hidden .)"
fi

# ---- keys that are none
image-build pack -q -f raw --sign "$T/key.pub" -o "$T/x" "$T/tree" 2>"$T/log" &&
	fail "signed with a public key"
has "no private key" "$T/log"
[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
