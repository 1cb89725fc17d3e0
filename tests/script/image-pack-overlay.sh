#!/bin/sh
# An overlay remembers which of the image's files its own copies were of, by
# inode and generation. When an image has gone and another one's file has got
# the inode, that is not taken for the one that was copied.
set -eu
. tests/lib.sh
need_root
scratch
device=
trap 'umount "$T/overlay" "$T/disk" 2>/dev/null || true; [ -z "$device" ] || losetup -d "$device"; rm -rf "$T"' EXIT
mkdir -p "$T/tree/one/etc" "$T/disk" "$T/upper" "$T/work" "$T/overlay"
for i in $(seq 40); do echo "file $i" >"$T/tree/one/etc/file$i"; done
ln -s nowhere "$T/tree/one/etc/link"
echo "in the image" >"$T/tree/one/etc/conf"
cat >"$T/layout.yaml" <<END
- local_loop: {name: image0}
- mkfs: {base: image0, name: mkfs_root, mount: {mount_point: /, fstab: {options: defaults}}}
END
image-build pack -q -f raw --layout "$T/layout.yaml" -o "$T/image" "$T/tree" >/dev/null
device=$(losetup -f --show "$T/image.raw") || skip "needs loop devices"
mount "$device" "$T/disk" || skip "cannot mount ext4"
lay() { # TREE
	mount -t overlay -o "lowerdir=$T/disk/$1/etc,upperdir=$T/upper,workdir=$T/work" \
		overlay "$T/overlay" || skip "cannot mount an overlay"
}

# ---- the machine changes a file of the first image
lay one
echo "and here" >>"$T/overlay/conf"
umount "$T/overlay"

# ---- the first image goes; a file of the second one has the inode
inode=$(stat -c %i "$T/disk/one/etc/conf")
mkdir -p "$T/disk/two/etc"
rm "$T/disk/one/etc/conf"
for i in $(seq 40); do echo "new $i" >"$T/disk/two/etc/new$i"; done
[ -n "$(find "$T/disk/two" -inum "$inode")" ] || skip "no inode was used again"
lay two
[ "$(tail -n 1 "$T/overlay/conf")" = "and here" ] || fail "the machine's own file"
for i in $(seq 40); do
	[ "$(cat "$T/overlay/new$i")" = "new $i" ] ||
		fail "new$i is: $(cat "$T/overlay/new$i")"
done

# ---- an image of other paths has other generations
umount "$T/overlay"
generations() { # IMAGE PATH...
	for f in "$2" "$3"; do
		debugfs -R "stat $f" "$1" 2>/dev/null | sed -n 's/.*Generation: \([0-9]*\).*/\1/p'
	done | tr '\n' ' '
}
mv "$T/tree/one/etc/conf" "$T/tree/one/etc/config"
mv "$T/image.raw" "$T/first.raw"
image-build pack -q -f raw --layout "$T/layout.yaml" -o "$T/image" "$T/tree" >/dev/null
same=$(generations "$T/image.raw" one/etc/link one/etc/file7)
[ "$same" = "$(generations "$T/first.raw" one/etc/link one/etc/file7)" ] ||
	fail "a path has two generations"
[ "$(echo "$same" | tr ' ' '\n' | sort -u | grep -c '[1-9]')" = 2 ] ||
	fail "generations: $same"
