#!/bin/sh
# Disk images as bases: file systems of several makings, qcow2, partition
# tables of both kinds, and a golden image of our own with its state.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements
mkdir -p "$el/odd/cleanup.d" "$el/see/cleanup.d" "$T/tmp"
cat >"$el/odd/cleanup.d/80-odd" <<'EOS'
#!/bin/bash
set -eu
mkdir -p "$TARGET_ROOT/odd/sticky" "$TARGET_ROOT/odd/many" "$TARGET_ROOT/state"
cd "$TARGET_ROOT/odd"
echo hello >file
ln file sticky/link
ln -s file short
ln -s "$(printf 'y%.0s' $(seq 300))" long
mknod char c 1 3
mknod block b 259 70000
mkfifo fifo
chown 123456:70000 file
chmod 4751 file
chmod 3777 sticky
setcap cap_net_bind_service+ep file
setfacl -m u:1001:r,g:77:rwx char
setfacl -d -m u:1002:rw sticky
setfattr -n user.long -v "$(printf 'z%.0s' $(seq 600))" fifo 2>/dev/null ||
	setfattr -n trusted.long -v "$(printf 'z%.0s' $(seq 600))" many
for i in $(seq 300); do : >"many/a file with quite a long name, number $i"; done
: >"$(printf 'caf\303\251 \001')"
head -c 300000 /dev/urandom >large
truncate -s 8M holes
echo here | dd of=holes bs=1M seek=3 conv=notrunc status=none
touch -d '1969-12-31 12:00:00.5' file
touch -d '2099-01-02 03:04:05.123456789' large
touch -h -d '2001-02-03 04:05:06.7' short
echo kept >"$TARGET_ROOT/state/kept"
cat >"$TARGET_ROOT/etc/os-release" <<'EOR'
ID=small
VERSION_ID=1
EOR
"$TREE_LIST" "$TARGET_ROOT" >"$OUT/before"
cp -ax "$TARGET_ROOT" "$OUT/tree"
touch -d @1000000000 "$OUT/tree/odd/file" "$OUT/tree/odd/large"
EOS
cat >"$el/see/cleanup.d/90-see" <<'EOS'
#!/bin/bash
"$TREE_LIST" "$TARGET_ROOT" >"$OUT/after"
EOS
chmod 755 "$el"/*/*.d/*
OUT=$T TREE_LIST=$PWD/tests/tree-list
ELEMENTS_PATH=$el:$PWD/tests/elements TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
export OUT TREE_LIST ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE
unset DIB_LOCAL_IMAGE DIB_CLOUD_IMAGES BASE_IMAGE_FILE

build() { # ARGUMENT...
	image-build -n --mkfs-journal-size 4 "$@" >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "$*: the build failed"
	}
}
based_on() { # FILE: its odd files come out as they went in
	rm -f "$T/after"
	DIB_LOCAL_IMAGE=$1 build -o "$T/next" -t raw image see
	for f in before after; do
		grep "^b'odd\|^b'state/" "$T/$f" >"$T/$f.odd"
	done
	diff -u "$T/before.odd" "$T/after.odd" || fail "$1: files differ"
	[ "$(wc -l <"$T/after.odd")" -ge 314 ] || fail "$1: too few files"
}

# ---- a golden image of our own: two file systems on a GPT
layout='
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - {name: boot, type: EF02, size: 2MiB}
      - name: root
        type: 8300
        size: 60MiB
        mkfs: {type: ext4, label: img-rootfs, mount: {mount_point: /, fstab: {options: ro}}}
      - name: state
        type: 8300
        size: 100%
        mkfs: {type: ext4, label: state, mount: {mount_point: /state, fstab: {options: defaults}}}
'
DIB_BLOCK_DEVICE_CONFIG=$layout build -o "$T/golden" -t raw,qcow2 \
	--image-size 0.1 tiny-os odd
based_on "$T/golden.raw"
grep -q "to /state" "$T/log" || fail "the state partition was not read"
based_on "$T/golden.qcow2"
based_on "$T/golden.qcow2"
grep -q 'reading' "$T/log" && ! grep -q 'no snapshots' "$T/log" &&
	fail "an image that did not change was read twice"
qemu-img convert -c -f qcow2 -O qcow2 "$T/golden.qcow2" "$T/packed.qcow2"
based_on "$T/packed.qcow2"
xz -0 -k "$T/golden.raw"
based_on "$T/golden.raw.xz"
# With its state again on a partition: the next image of the same make.
DIB_BLOCK_DEVICE_CONFIG=$layout DIB_LOCAL_IMAGE=$T/golden.raw build \
	-o "$T/second" -t raw --image-size 0.1 image see
based_on "$T/second.raw"

# ---- file systems that others made, as a whole disk and in an old table
made() { # MKE2FS-OPTION...
	rm -f "$T/fs"
	mke2fs -q -F -d "$T/tree" "$@" "$T/fs" 64M >"$T/mkfs.log" 2>&1 || {
		cat "$T/mkfs.log"
		fail "mke2fs $*"
	}
	rm -f "$T/after"
	DIB_LOCAL_IMAGE=$T/fs build -o "$T/next" -t raw image see
}
# What the base has, and what came of it.  mke2fs keeps whole seconds only, and
# cuts a file off where its last hole begins.
listed() { # WHAT [WITHOUT]
	tests/tree-list "$T/tree" >"$T/tree.list"
	for f in tree.list after; do
		grep "^b'odd" "$T/$f" | grep -v odd/holes | sed "s/ ${2:-none at all}.*//" |
			sed 's/ holes [0-9]*//
			s/^\(.* 0o[0-7]* [0-9]* [0-9]* -\?[0-9]*\)[0-9]\{9\}\b/\1/' >"$T/$f.cut"
	done
	[ "$(wc -l <"$T/tree.list.cut")" -ge 310 ] || fail "$1: too few files"
	diff -u "$T/tree.list.cut" "$T/after.cut" || fail "$1: files differ"
}
made -t ext4 -O inline_data -I 256
listed "inline data"
made -t ext2 -b 1024 -I 256
listed "blocks of 1 KiB without extents"
made -t ext4 -O ^metadata_csum,bigalloc
listed "bigalloc"
truncate -s 70M "$T/disk"
printf 'start=4096, size=131072, type=83\n' | sfdisk -q "$T/disk"
mke2fs -q -F -t ext4 -d "$T/tree" -L cloudimg-rootfs "$T/fs" 64M
dd if="$T/fs" of="$T/disk" bs=1M seek=2 conv=notrunc status=none
DIB_LOCAL_IMAGE=$T/disk build -o "$T/next" -t raw image see
listed "an old partition table"

# ---- what only the kernel can read: read by a mount, or one line that says so
mounted() { # NAME
	rm -f "$T/after"
	if DIB_LOCAL_IMAGE=$T/fs image-build -n --mkfs-journal-size 4 \
		-o "$T/next" -t raw image see >"$T/log" 2>&1; then
		listed "$1" system.posix_acl
	else
		tail -n 1 "$T/log" >"$T/last"
		grep -q "partition 0: $1 can only be read by mounting it, which does not work here (." \
			"$T/last" || fail "$1: $(cat "$T/last")"
	fi
}
if command -v mksquashfs >/dev/null; then
	rm -f "$T/fs"
	mksquashfs "$T/tree" "$T/fs" -quiet -no-progress >/dev/null
	mounted squashfs
fi
if command -v mkfs.xfs >/dev/null; then
	rm -f "$T/fs"
	mkfs.xfs -q -f -d "name=$T/fs,file=1,size=320m" >/dev/null
	if DIB_LOCAL_IMAGE=$T/fs image-build -n -o "$T/next" -t raw image see \
		>"$T/log" 2>&1; then
		fail "an empty file system was taken for a system"
	fi
	grep -q 'xfs can only be read\|root.d made no root file system' "$T/log" ||
		fail "xfs: $(tail -n 1 "$T/log")"
fi
[ -z "$(ls "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
exit 0
