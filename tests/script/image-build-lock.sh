#!/bin/sh
# --lock writes down what was used; --locked uses that, or says what moved.
set -eu
. tests/lib.sh
need_root
scratch
mkdir -p "$T/elements" "$T/tmp" "$T/out" "$T/git"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache" DIB_LOCKFILES="$T/locks"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a \
	GIT_COMMITTER_EMAIL=a@b
build() {
	(cd "$T/out" && image-build -n -o x -t raw "$@" tiny-os archive source) \
		>"$T/stdout" 2>"$T/stderr" || {
		cat "$T/stderr"
		fail "$*: status $?"
	}
}
refuse() { # text, option...: nothing is delivered
	text=$1
	shift
	rm -f "$T/out/x.raw"
	if (cd "$T/out" && image-build -n -o x -t raw "$@" tiny-os archive source) \
		>"$T/stdout" 2>"$T/stderr"; then
		fail "$*: it worked"
	fi
	tail -n 1 "$T/stderr" >"$T/last"
	has "$text" "$T/last"
	[ ! -e "$T/out/x.raw" ] || fail "$*: an image was delivered"
}

# A package manager that has one package in one version, and an apt-cache.
element_program archive pre-install 10-dpkg <<'EOF'
#!/bin/bash
mkdir -p /var/lib/dpkg /etc/apt/preferences.d
version=$(cat "$(dirname "$0")/../archive/version")
if grep -qsx "Pin: version $(cat "$(dirname "$0")/../archive/kept")" \
    /etc/apt/preferences.d/00-locked; then
    version=$(cat "$(dirname "$0")/../archive/kept")
fi
printf '%s\n' "Package: hello" "Status: install ok installed" \
    "Architecture: amd64" "Version: $version" "" "Package: gone" \
    "Status: deinstall ok config-files" "Architecture: all" "Version: 9" \
    "" >/var/lib/dpkg/status
cat >/usr/bin/apt-cache <<'END'
#!/bin/bash
# As a script it may load no module of the kernel's.
while read -r name value; do
    [ "$name" != CapBnd: ] || ! ((16#$value & 1 << 16)) || exit
done </proc/self/status
for p in "${@:4}"; do
    printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nSHA256: 00%s\n\n' \
        hello "${p#*=}" "${p#*=}"
done
END
chmod 755 /usr/bin/apt-cache
EOF
element_program archive cleanup 50-look <<'EOF'
#!/bin/bash
ls "$TARGET_ROOT/etc/apt/preferences.d" >pinned
cat "${INGOT_APT_PREFERENCES:-/dev/null}" >preferences
cp "$TARGET_ROOT/opt/code/file" "$TARGET_ROOT/opt/words" .
EOF
# What the archive has is no part of the element.
mkdir "$T/elements/archive/archive" "$T/archive"
ln -s "$T/archive/version" "$T/archive/kept" "$T/elements/archive/archive"
echo 1.0 >"$T/archive/version"
echo none >"$T/archive/kept"

git init -q -b main "$T/git"
echo first >"$T/git/file"
git -C "$T/git" add file
git -C "$T/git" commit -q -m first
echo words >"$T/words"
element_program source install 50-nothing </dev/null
echo source-repositories >"$T/elements/source/element-deps"
printf '%s\n' "code git /opt/code file://$T/git main" \
	"words file /opt/words file://$T/words" \
	>"$T/elements/source/source-repository-code"
printf '#!/bin/sh\n' >"$T/elements/source/install.d/50-nothing"
# Copies of links would be links to nowhere in the target.
element_program archive extra-data 50-archive <<EOF
#!/bin/bash
cd "\$TMP_HOOKS_PATH/archive"
rm -f version kept
cat $T/archive/version >version
cat $T/archive/kept >kept
EOF

refuse "x.lock.json" --locked
build --lock
first=$(git -C "$T/git" rev-parse HEAD)
jq -e --arg c "$first" '.packages == {"hello:amd64": {version: "1.0", sha256: "001.0"}}
	and .sources.code.revision == $c and .sources.code.ref == "main"
	and (.sources.words.revision | length) == 64
	and (.elements | has("tiny-os") and has("source") and has("manifests"))' \
	"$T/out/x.lock.json" >/dev/null || {
	cat "$T/out/x.lock.json"
	fail "the lock"
}
[ ! -s "$T/out/pinned" ] || fail "--lock pins nothing: $(cat "$T/out/pinned")"
cp "$T/out/x.lock.json" "$T/lock"
build --locked
cmp "$T/out/x.lock.json" "$T/lock"
[ "$(cat "$T/out/pinned")" = 00-locked ] || fail "apt is not held"
has "Pin: version 1.0" "$T/out/preferences"
debugfs -R 'ls /etc/apt/preferences.d' "$T/out/x.raw" 2>/dev/null |
	grep -q 00-locked && fail "the preferences are in the image"

# The branch goes on: a locked build does not, another does.
echo second >"$T/git/file"
git -C "$T/git" commit -q -a -m second
build --locked
echo first | diff - "$T/out/file"
build
echo second | diff - "$T/out/file"
cmp "$T/out/x.lock.json" "$T/lock"

# The archive goes on: what it keeps is used, what it drops is told.
echo 2.0 >"$T/archive/version"
refuse "package hello:amd64: 1.0 is locked, 2.0 is there" --locked
echo 1.0 >"$T/archive/kept"
build --locked
rm "$T/archive/kept"
echo none >"$T/archive/kept"
echo 1.0 >"$T/archive/version"

# A file changes; an element changes; one is added.
echo more >>"$T/words"
refuse "source-repository-code: words: x.lock.json does not hold any more" --locked
echo words >"$T/words"
chmod +x "$T/elements/source/source-repository-code"
refuse "element source has changed" --locked
chmod -x "$T/elements/source/source-repository-code"
touch "$T/elements/source/source-repository-code"
build --locked
mkdir "$T/elements/other"
refuse "element other is new" --locked other
refuse "exclude each other" --lock --locked
echo '{"elements": {}, "packages": []}' >"$T/out/x.lock.json"
refuse "has no map packages" --locked
rm "$T/out/x.lock.json"

# ---- what a base begins with
unset DIB_LOCAL_IMAGE DIB_CLOUD_IMAGES BASE_IMAGE_FILE DIB_IMAGE_DIGEST \
	SHA256SUMS DIB_IMAGE_KEYRING DIB_IMAGE_SIGNATURE DIB_IMAGE_REF
mkdir "$T/base" "$T/elsewhere"
TARGET_ROOT=$T/base ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
tar -C "$T/base" -cf "$T/base.tar" .
base() { # ELEMENT BASE option
	DIB_LOCAL_IMAGE=$2 image-build -n -o "$T/out/base" -t tar \
		${3+"$3"} "$1" >"$T/stdout" 2>"$T/log"
}
holds() { # ELEMENT BASE CHANGE...: only the same bytes are taken, from anywhere
	base "$1" "$2" --lock || {
		cat "$T/log"
		fail "$1: --lock"
	}
	[ "$(jq -r ".sources[\"base/$1\"].revision | length" \
		"$T/out/base.lock.json")" = 64 ] || fail "$1: the lock"
	cp -a "$2" "$T/elsewhere"
	base "$1" "$T/elsewhere/$(basename "$2")" --locked || {
		cat "$T/log"
		fail "$1: --locked"
	}
	element=$1 folder=$2
	shift 2
	"$@"
	set -- "$element" "$folder"
	! base "$1" "$2" --locked || fail "$1: another base was taken"
	has "base.lock.json does not hold any more" "$T/log"
	base "$1" "$2" || fail "$1: without the lock"
}
# shellcheck disable=SC2317 # called by holds
change() {
	echo changed:x:9:9::/:/bin/sh >>"$T/base/etc/passwd"
}
tarball() {
	tar -C "$T/base" -cf "$T/base.tar" .
	gzip -nc "$T/base.tar" >"$T/base.tgz"
}
layout() {
	rm -rf "$T/layout"
	python3 tests/helper/oci-layout "$T/layout" amd64 "$T/base.tgz"
}
holds directory "$T/base" change
tarball
layout
# shellcheck disable=SC2317
again() {
	change
	tarball
}
holds tarball "$T/base.tgz" again
holds oci "$T/layout" layout
exit 0
