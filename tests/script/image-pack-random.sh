#!/bin/sh
# Random trees as file systems: the checkers find nothing wrong, and what
# others read back is the tree, attribute by attribute.
#
# SEEDS="1 2 3" says which trees; by default one, since it takes a while.
set -eu
. tests/lib.sh
need_root
scratch
TMP_DIR=$T SOURCE_DATE_EPOCH=1700000000
export TMP_DIR SOURCE_DATE_EPOCH

# same WHAT DIR: as tree-list sees it; holes are the reader's business
same() {
	tests/tree-list "$2" | sed 's/ holes [0-9]*//' >"$T/list"
	cmp -s "$T/wanted" "$T/list" || {
		diff "$T/wanted" "$T/list" | head -n 10
		fail "tree $seed: $1 is not the tree"
	}
}
check() { # program with options...
	"$@" >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "tree $seed: $*"
	}
}
for seed in ${SEEDS-1}; do
	rm -rf "$T/tree" "$T/back" "$T"/image.*
	tests/script/image-pack-random.py "$T/tree" "$seed"
	tests/tree-list "$T/tree" | sed 's/ holes [0-9]*//' >"$T/wanted"
	image-build pack -q -f raw,qcow2,squashfs -o "$T/image" \
		"$T/tree" >/dev/null || fail "tree $seed: not packed"
	check e2fsck -fn "$T/image.raw"
	check qemu-img check "$T/image.qcow2"
	check qemu-img compare "$T/image.raw" "$T/image.qcow2"
	check unsquashfs -s "$T/image.squash"
	check unsquashfs -q -n -d "$T/back" "$T/image.squash"
	same squashfs "$T/back"
	# By us, and by the kernel where it lets us.
	check image-build compare "$T/tree" "$T/image.qcow2"
	mkdir "$T/mnt"
	if mount -o ro,loop "$T/image.raw" "$T/mnt" 2>/dev/null; then
		tests/tree-list "$T/mnt" | sed 's/ holes [0-9]*//' >"$T/list"
		umount "$T/mnt"
		cmp -s "$T/wanted" "$T/list" || {
			diff "$T/wanted" "$T/list" | head -n 10
			fail "tree $seed: ext4 is not the tree"
		}
	fi
	rmdir "$T/mnt"
	# Not every mkfs.erofs takes names of 255 bytes; that is told.
	image-build pack -q -f erofs -o "$T/image" "$T/tree" >/dev/null \
		2>"$T/err" || has "a name of 255 bytes: " "$T/err"
	LC_ALL=C find "$T/tree" -depth -regextype posix-extended \
		-regex '.*/[^/]{255}' -exec rm -rf {} +
	image-build pack -q -f erofs -o "$T/image" "$T/tree" >/dev/null ||
		fail "tree $seed: no erofs"
	check fsck.erofs "$T/image.erofs"
done
