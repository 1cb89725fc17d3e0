#!/bin/sh
# Bases made elsewhere begin an image with every attribute, and are not
# unpacked again while they do not change: a tarball, a folder, a container.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements/see
mkdir -p "$el/install.d" "$el/cleanup.d" "$T/tmp" "$T/base"
cat >"$el/install.d/50-see" <<'EOS'
#!/bin/bash
echo "$DISTRO_NAME $DIB_RELEASE" >/etc/seen
EOS
cat >"$el/cleanup.d/90-see" <<'EOS'
#!/bin/bash
"$TREE_LIST" "$TARGET_ROOT" >"$OUT/after"
EOS
chmod 755 "$el"/*.d/*
OUT=$T TREE_LIST=$PWD/tests/tree-list
ELEMENTS_PATH=$T/elements:$PWD/tests/elements TMP_DIR=$T/tmp
DIB_IMAGE_CACHE=$T/cache
export OUT TREE_LIST ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE
unset DIB_LOCAL_IMAGE DIB_CLOUD_IMAGES BASE_IMAGE_FILE

# The system that begins: what tiny-os makes, and some odd files.
TARGET_ROOT=$T/base ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
cat >"$T/base/etc/os-release" <<'EOS'
NAME="Small System"
ID=small
VERSION_CODENAME="first"
EOS
mkdir -p "$T/base/odd/sticky"
(
	cd "$T/base/odd"
	echo hello >file
	ln file sticky/link
	ln -s /etc/passwd absolute
	mknod null c 1 3
	mkfifo fifo
	chown 1234:70000 file
	chmod 4751 file
	chmod 3777 sticky
	setcap cap_net_bind_service+ep file
	: >"$(printf 'caf\303\251')"
	truncate -s 8M holes
	touch -d '2001-02-03 04:05:06.789' file
)
tests/tree-list "$T/base" >"$T/before"

build() { # ARGUMENT...
	rm -f "$T/after"
	image-build -o "$T/image" -t raw -n "$@" see >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "$*: the build failed"
	}
}
# The odd files came out as they went in.
same() {
	for f in before after; do
		grep "^b'odd" "$T/$f" >"$T/$f.odd"
	done
	diff -u "$T/before.odd" "$T/after.odd" || fail "$1: files differ"
	[ "$(wc -l <"$T/after.odd")" -ge 8 ] || fail "$1: too few files"
	debugfs -R 'cat /etc/seen' "$T/image.raw" >"$T/seen" 2>/dev/null
	has "small first" "$T/seen"
}
again() { # the base's step is not run twice
	grep -q 'phase root: 1 of them from snapshots\|nothing changed' "$T/log" ||
		grep -q 'no snapshots' "$T/log" || {
		cat "$T/log"
		fail "$1: unpacked twice"
	}
}

# ---- a folder
DIB_LOCAL_IMAGE=$T/base
export DIB_LOCAL_IMAGE
build directory
same directory
build directory
again directory
echo more >>"$T/base/etc/os-release"
build directory
grep -q 'copying' "$T/log" || fail "a changed folder was not copied again"

# ---- a tarball, in several compressions
for how in '' gzip xz zstd; do
	tar -C "$T/base" --format=pax --xattrs --xattrs-include='*' -S \
		${how:+--use-compress-program=$how} -cf "$T/base.tar" .
	DIB_LOCAL_IMAGE=$T/base.tar build tarball
	same "tarball $how"
done
DIB_LOCAL_IMAGE=$T/base.tar build tarball
again tarball
sum=$(sha256sum <"$T/base.tar" | cut -d ' ' -f 1)
DIB_LOCAL_IMAGE=$T/base.tar DIB_IMAGE_DIGEST=sha256:$sum build tarball
cp "$T/base.tar" "$T/copy.tar"
DIB_LOCAL_IMAGE=$T/base.tar DIB_IMAGE_DIGEST=$sum build tarball

# ---- a container: two layers, two architectures
# From the folder of that name.  lib itself is no entry: what is in it goes
# where the layer below has a symlink to.
layer() { # NAME
	(cd "$T/$1" && find . ! -path ./lib -print0) |
		tar -C "$T/$1" --format=pax --xattrs --xattrs-include='*' -S \
			--no-recursion --null -T - -czf "$T/$1.tgz"
}
mkdir -p "$T/upper/lib" "$T/upper/odd/sticky" "$T/upper/etc"
cp -a "$T/base" "$T/lower"
echo gone >"$T/lower/etc/gone"
echo low >"$T/lower/usr/lib/low"
: >"$T/upper/etc/.wh.gone"
: >"$T/upper/lib/.wh.low"
echo high >"$T/upper/lib/high"
chmod 3777 "$T/upper/odd/sticky"
touch -r "$T/lower/odd/sticky" "$T/upper/odd/sticky"
touch -r "$T/lower/odd" "$T/upper/odd"
layer upper
tar -C "$T/lower" --format=pax --xattrs --xattrs-include='*' -S -czf "$T/lower.tgz" .
python3 tests/helper/oci-layout "$T/layout" amd64 "$T/lower.tgz" "$T/upper.tgz" \
	-- arm64 "$T/upper.tgz"
DIB_LOCAL_IMAGE=$T/layout build -a amd64 oci
same "oci layout"
grep -q "^b'usr/lib/high' " "$T/after" || fail "oci: usr/lib/high is missing"
for path in etc/gone usr/lib/low etc/.wh.gone; do
	grep -q "^b'$path' " "$T/after" && fail "oci: $path was whited out"
done
DIB_LOCAL_IMAGE=$T/layout build -a amd64 oci
again "oci layout"
tar -C "$T/layout" -cf "$T/layout.tar" .
DIB_LOCAL_IMAGE=$T/layout.tar build -a amd64 oci
same "oci archive"
DIB_LOCAL_IMAGE=$T/layout.tar DIB_IMAGE_REF=amd64 build -a amd64 oci
[ -z "$(ls "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
exit 0
