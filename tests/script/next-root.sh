#!/bin/sh
# What a soft reboot goes on with (elements/readonly-root): the slot that was
# named, with the layers that are its own, and else the one that runs. In a
# mount namespace of its own.
set -eu
. tests/lib.sh
need_root
if [ -z "${IN_NAMESPACE:-}" ]; then
	unshare -m true 2>/dev/null || skip "needs mount namespaces"
	IN_NAMESPACE=1 exec unshare -m --propagation private "$0"
fi
scratch
devices=
trap 'umount -R /run 2>/dev/null || true; for d in $devices; do losetup -d "$d" || true; done; rm -rf "$T"' EXIT
from=$PWD/elements/readonly-root/readonly-root

# ---- a machine: two roots, a state partition, a kernel that was told slot a
mount --make-rshared / # in this namespace, as systemd does
mount -t tmpfs none /run
links=$T/links
mkdir -p "$links/by-label" "$links/by-partlabel"
for f in layers next-root; do
	sed "s#/usr/lib/ingot/layers#$T/layers#; s#/dev/disk/#$links/#" \
		"$from/$f" >"$T/$f"
done
disk() { # LINK: with a file system of the folder $T/tree
	file=$T/${1##*/}.disk
	truncate -s 32M "$file"
	mke2fs -q -t ext4 -d "$T/tree" "$file"
	d=$(losetup -f --show "$file") || skip "needs loop devices"
	devices="$devices $d"
	ln -s "$d" "$links/$1"
}
tree() { # NAME: an image
	rm -rf "$T/tree"
	mkdir -p "$T/tree/etc" "$T/tree/var" "$T/tree/run" "$T/tree/state" \
		"$T/tree/srv/mail" "$T/tree/usr/lib/ingot/preserve.d"
	echo "$1" >"$T/tree/etc/name"
	echo "of $1" >"$T/tree/srv/mail/first"
	echo /srv/mail >"$T/tree/usr/lib/ingot/preserve.d/mail"
}
tree a
disk by-partlabel/root-a
tree b
disk by-partlabel/root-b
rm -rf "$T/tree"
mkdir -p "$T/tree/etc-a/upper" "$T/tree/etc-b/upper"
echo "changed in a" >"$T/tree/etc-a/upper/changed"
echo "changed in b" >"$T/tree/etc-b/upper/changed"
disk by-label/state
cmdline() { # WORDS
	echo "$1" >"$T/cmdline"
	mount --bind "$T/cmdline" /proc/cmdline
}
cmdline "BOOT_IMAGE=x ro ingot.slot=a quiet"

next_root() { sh "$T/next-root" >"$T/out" 2>&1; }
good() { next_root || { cat "$T/out"; fail "$*"; }; }
reads() { # FILE WORDS
	[ "$(cat "/run/nextroot/$1")" = "$2" ] || fail "$1: $(cat "/run/nextroot/$1")"
}
source_is() { # PATH SOURCE
	[ "$(findmnt -n -o SOURCE "/run/nextroot$1" | tail -n 1)" = "$2" ] ||
		fail "$1 is from $(findmnt -n -o SOURCE "/run/nextroot$1")"
}
away() { umount -R /run/nextroot; }
notes=/run/image-update/soft-reboots

# ---- the slot that was named
mkdir /run/image-update
echo "ingot.slot=b" >/run/image-update/next
good "slot b"
source_is "" "$(readlink "$links/by-partlabel/root-b")"
reads etc/name b
reads etc/changed "changed in b"
reads srv/mail/first "of b"
echo kept >/run/nextroot/srv/mail/second
echo new >/run/nextroot/var/new
touch /run/nextroot/usr/x 2>/dev/null && fail "the image can be written to"
[ ! -e /run/image-update/next ] || fail "the choice stays"
grep -qx "$(stat -c %d:%i /run/nextroot) [0-9.]* ingot.slot=b" "$notes" ||
	fail "notes: $(cat "$notes")"
[ "$(findmnt -n -o PROPAGATION /run/nextroot)" = private ] ||
	fail "others see its mounts"
away

# ---- and back: what is the machine's stays, /etc is each slot's own
echo "ingot.slot=a" >/run/image-update/next
good "slot a"
reads etc/name a
reads etc/changed "changed in a"
reads srv/mail/second kept
reads var/new new
away

# ---- the same again: a root has one note, the last
echo "ingot.slot=b" >/run/image-update/next
good "slot b again"
[ "$(wc -l <"$notes")" = 2 ] || fail "notes: $(cat "$notes")"
away

# ---- none was named: the one that runs, as it knows itself
rm "$notes"
good "none"
source_is "" "$(readlink "$links/by-partlabel/root-a")"
reads etc/changed "changed in a"
away
echo "$(stat -c %d:%i /) 12.5 ingot.slot=b " >"$notes"
good "none, after a soft reboot"
source_is "" "$(readlink "$links/by-partlabel/root-b")"
reads etc/changed "changed in b"
away

# ---- a slot that is not there: nothing is noted
before=$(cat "$notes")
rm "$links/by-partlabel/root-b"
echo "ingot.slot=b" >/run/image-update/next
next_root && fail "a slot that is not there"
has "next-root: cannot mount the slot b" "$T/out"
[ "$(cat "$notes")" = "$before" ] || fail "notes: $(cat "$notes")"
umount -R /run/nextroot 2>/dev/null || true

# ---- trees of one file system, mounted by who comes first
rm -f "$notes" /run/image-update/next
id=0123456789abcdef
mkdir -p /run/image-update/trees
mount "$(readlink "$links/by-partlabel/root-a")" /run/image-update/trees
mkdir "/run/image-update/trees/$id"
cp -a /run/image-update/trees/etc /run/image-update/trees/var \
	/run/image-update/trees/run /run/image-update/trees/state \
	"/run/image-update/trees/$id"
echo tree >"/run/image-update/trees/$id/etc/name"
echo "ingot.slot=b ingot.tree=$id" >/run/image-update/next
good "a tree"
reads etc/name tree
reads etc/changed "changed in b"
touch /run/nextroot/x 2>/dev/null && fail "the tree can be written to"
touch /run/nextroot/run/image-update/trees/x || fail "the trees are not there"
away
umount /run/image-update/trees

# ---- a state partition that is not right is the next boot's to repair
rm "$notes"
state=$(readlink "$links/by-label/state")
dd if=/dev/zero of="$state" bs=4096 count=1 conv=notrunc status=none
next_root && fail "without the state that there is"
has "next-root: cannot mount the state partition" "$T/out"
[ ! -e "$notes" ] || fail "notes: $(cat "$notes")"
away

# ---- without a state partition it is memory
rm "$links/by-label/state"
good "no state partition"
has "state is kept in memory only" "$T/out"
reads etc/name a
[ ! -e /run/nextroot/etc/changed ] || fail "where is the state from?"
touch /run/nextroot/var/new || fail "/var cannot be written to"
