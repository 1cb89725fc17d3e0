#!/bin/sh
# Bases that are damaged, made to harm, or not what they should be: one clear
# line, nothing written outside the tree, nothing left behind.
set -eu
. tests/lib.sh
need_root
scratch
server=
trap '[ -z "$server" ] || kill $server; rm -rf "$T"' EXIT
mkdir -p "$T/tmp" "$T/out" "$T/base/etc"
ELEMENTS_PATH=$PWD/tests/elements TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
export ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE
unset DIB_LOCAL_IMAGE DIB_CLOUD_IMAGES BASE_IMAGE_FILE DIB_IMAGE_DIGEST \
	SHA256SUMS DIB_IMAGE_KEYRING DIB_IMAGE_SIGNATURE DIB_IMAGE_REF
echo untouched >"$T/outside"

# refuse "text of the last line" ARGUMENT...
refuse() {
	text=$1
	shift
	if image-build -n -o "$T/out/x" -t raw "$@" >"$T/stdout" 2>"$T/stderr"; then
		fail "$*: it worked"
	fi
	grep '^image-build: ' "$T/stderr" | tail -n 1 >"$T/last"
	has "$text" "$T/last"
	[ -z "$(ls -A "$T/out")$(ls "$T/tmp")" ] ||
		fail "$*: left behind: $(ls -A "$T/out" "$T/tmp")"
	grep -q " $T/" /proc/mounts && fail "$*: mounts are left"
	[ "$(cat "$T/outside")" = untouched ] || fail "$*: wrote outside"
}
bad() { # FILE ELEMENT text
	DIB_LOCAL_IMAGE=$T/$1 refuse "$3" "$2"
}

refuse "set DIB_LOCAL_IMAGE, or DIB_CLOUD_IMAGES and BASE_IMAGE_FILE" tarball
bad absent tarball "/absent: No such file or directory"
DIB_CLOUD_IMAGES=$T BASE_IMAGE_FILE=../x refuse "BASE_IMAGE_FILE is no name" tarball

# ---- tarballs
python3 tests/helper/bad-tars "$T"
bad dotdot.tar tarball "dotdot.tar: ../../../../outside: leads out of the archive"
bad hard.tar tarball "hard: a link to ../../../../outside, out of the archive"
bad etc-link.tar tarball "the base's /etc is a link that leads out of it"
bad cut.tar.gz tarball "cut.tar.gz: truncated gzip input"
bad noise.tar tarball "noise.tar: Unrecognized archive format"
bad empty.tar tarball "empty.tar: "
bad bomb.tar.gz tarball "bomb.tar.gz: unpacks to more than"
bad many.tar.gz tarball "many.tar.gz: more than "
bad no-etc.tar tarball "root.d made no root file system"
bad base tarball "base: is not a file"
sum=$(printf '%064d' 7)
DIB_IMAGE_DIGEST=$sum bad noise.tar tarball "not $sum"
DIB_IMAGE_DIGEST=md5:77 bad noise.tar tarball "no SHA-256 digest: md5:77"

# ---- folders
bad noise.tar directory "noise.tar is not a folder"
mkdir "$T/links"
ln -s "$T/base/etc" "$T/links/etc"
bad links directory "the base's /etc is a link that leads out of it"
DIB_LOCAL_IMAGE=/ refuse "holds the build's own folders" directory
[ -e "$T/base/etc/fstab" ] && fail "a link out of the tree was followed"

# ---- containers
python3 tests/helper/bad-layouts "$T/oci"
oci() { # NAME text
	bad "oci/$1" oci "$2"
}
oci no-index "is no OCI image layout: it has no index.json"
oci no-json "index.json:1:1: "
oci wrong-digest "its bytes have another digest"
oci wrong-size "bytes, and should have"
oci missing "No such file or directory"
oci climbing 'a blob has no SHA-256 digest: "sha256:../../../../outside"'
oci symlink "blob "
oci loop "indexes are nested too deeply"
oci other-arch "has no image for amd64, but for s390x"
oci liar "the image is for s390x, not amd64"
oci several "has several images (one, two): say which by DIB_IMAGE_REF"
DIB_IMAGE_REF=three oci several "has no image three for amd64"
oci encrypted "a layer is no file system"
oci artifact "a layer is no file system"
oci no-layers "a manifest without layers"
oci layers-differ "does not have as many layers"
oci dotdot-layer "../outside: leads out of the archive"
oci whiteout-dotdot "whites out no name"
oci cut-layer "truncated gzip input"

# ---- disks
head -c 3000000 /dev/urandom >"$T/noise.raw"
bad noise.raw image "is no disk image"
: >"$T/empty.raw"
bad empty.raw image "is no disk image"
qemu-img create -q -f qcow2 -b "$T/noise.raw" -F raw "$T/backed.qcow2" 4M
bad backed.qcow2 image "refers to another file, its backing file"
qemu-img create -q -f qcow2 -o "data_file=$T/data" "$T/data.qcow2" 4M
bad data.qcow2 image "has its data in another file"
qemu-img create -q -f qcow2 "$T/huge.qcow2" 100T
bad huge.qcow2 image "too large"
printf 'QFI\373' >"$T/cut.qcow2"
bad cut.qcow2 image "is cut short"
mkdir "$T/plain" "$T/plain/etc" "$T/plain/deep"
mke2fs -q -F -t ext4 -d "$T/plain" "$T/good" 8M
debug() { # NAME COMMAND...: a copy of the file system, tampered with
	cp "$T/good" "$T/$1"
	debugfs -w -R "$2" "$T/$1" >/dev/null 2>&1
}
debug circle "link /etc /deep/again"
bad circle image "folders lead in circles"
debug journal "feature needs_recovery"
bad journal image "its journal is not empty"
debug encrypted "feature encrypt"
head -c 4M "$T/good" >"$T/half"
dd if=/dev/urandom of="$T/good" bs=4096 seek=2 count=40 conv=notrunc status=none
bad good image "$T/good: "
truncate -s 8M "$T/pv"
printf LABELONE | dd of="$T/pv" bs=512 seek=1 conv=notrunc status=none
bad pv image "which partition has the system cannot be told (0 LVM)"

# Two that could be it.
truncate -s 30M "$T/two"
printf 'start=2048, size=20480\nstart=22528, size=20480\n' | sfdisk -q "$T/two"
mke2fs -q -F -t ext4 -d "$T/plain" -L one "$T/fs" 10M
dd if="$T/fs" of="$T/two" bs=1M seek=1 conv=notrunc status=none
dd if="$T/fs" of="$T/two" bs=1M seek=11 conv=notrunc status=none
bad two image "cannot be told (1 ext4 one, 2 ext4 one)"

# ---- fetched ones
mkdir "$T/www"
(cd "$T/base" && echo ID=small >etc/os-release)
TARGET_ROOT=$T/base ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
tar -C "$T/base" -czf "$T/www/base.tgz" .
python3 -u -m http.server -b 127.0.0.1 -d "$T/www" 0 >"$T/http.log" 2>&1 &
server=$!
for _ in $(seq 300); do
	grep -q 'Serving HTTP on' "$T/http.log" && break
	sleep 0.1
done
port=$(sed -n 's/^Serving HTTP on [^ ]* port \([0-9]*\).*/\1/p' "$T/http.log")
DIB_CLOUD_IMAGES=http://127.0.0.1:$port
BASE_IMAGE_FILE=base.tgz
export DIB_CLOUD_IMAGES BASE_IMAGE_FILE
works() {
	image-build -n -o "$T/image" -t raw "$@" >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "$*: the build failed"
	}
}
sum=$(sha256sum <"$T/www/base.tgz" | cut -d ' ' -f 1)
refuse "base.tgz: nothing vouches for it" tarball
DIB_IMAGE_DIGEST=$(printf '%064d' 7) refuse "its SHA-256 digest is $sum, not" tarball
[ ! -e "$T/cache/base.tgz" ] || fail "a wrong file is in the cache"
BASE_IMAGE_FILE=none DIB_IMAGE_DIGEST=$sum refuse "/none: status 404" tarball
DIB_IMAGE_DIGEST=$sum refuse "is not in the cache as it has to be" --offline tarball
echo "$sum *other" >"$T/www/OTHER"
SHA256SUMS=$DIB_CLOUD_IMAGES/OTHER refuse "has no SHA-256 digest of base.tgz" tarball
echo "$sum *base.tgz" >"$T/www/SUMS"
SHA256SUMS=$DIB_CLOUD_IMAGES/SUMS works tarball
n=$(grep -c 'GET /base.tgz ' "$T/http.log")
SHA256SUMS=$DIB_CLOUD_IMAGES/SUMS works --no-cache tarball
[ "$(grep -c 'GET /base.tgz ' "$T/http.log")" = "$n" ] || fail "fetched twice"
DIB_IMAGE_DIGEST=$sum works --offline tarball

# ---- signatures
gpg_home
gpg_key ours ed25519
gpg_key theirs ed25519
sign() { # NAME FILE
	gpg --batch --yes --quiet -u "$1@example.org" -o "$2.gpg" --detach-sign "$2"
}
sign theirs "$T/www/SUMS"
DIB_IMAGE_KEYRING=$T/ours.gpg
export DIB_IMAGE_KEYRING
SHA256SUMS=$DIB_CLOUD_IMAGES/SUMS refuse "is not signed by a key of $T/ours.gpg" tarball
rm "$T/cache/bases"/*
sign ours "$T/www/SUMS"
SHA256SUMS=$DIB_CLOUD_IMAGES/SUMS works tarball
sign ours "$T/www/base.tgz"
unset DIB_CLOUD_IMAGES BASE_IMAGE_FILE
DIB_LOCAL_IMAGE=$T/www/base.tgz works tarball
cp "$T/www/base.tgz.gpg" "$T/www/SUMS.gpg"
DIB_LOCAL_IMAGE=$T/www/SUMS refuse "is not signed by a key of" tarball
gpgconf --kill all 2>/dev/null || true
exit 0
