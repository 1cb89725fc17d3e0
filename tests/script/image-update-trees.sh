#!/bin/sh
# A machine whose slots are trees of one file system: the next image shares
# files with the one that runs, is started on trial by either loader's entry,
# kept or gone; what needs no reboot is mounted from its tree.
set -eu
. tests/lib.sh
need_root
scratch
device=
M=$T/machine
trees=$M/run/image-update/trees
clean() {
	umount "$trees" 2>/dev/null || true
	[ -z "$device" ] || losetup -d "$device" || true
	rm -rf "$T"
}
trap clean EXIT
umask 022

mkdir -p "$T/bin" "$M/dev/disk/by-partlabel" "$M/proc" "$M/state/etc-a/upper" \
	"$trees" "$T/mnt"
# There is room for two images, not for three.
mount -t tmpfs -o size=13m none "$trees" || skip "needs to mount"
for name in refresh-config systemd-run; do
	printf '#!/bin/sh\nexit 0\n' >"$T/bin/$name"
done
# What a unit sees when it is restarted.
cat >"$T/bin/systemctl" <<EOF
#!/bin/sh
[ \$1 = try-restart ] || exit 0
cat "$M/usr/share/web/page" >>"$T/restarts"
touch "$M/usr/share/web/page" 2>/dev/null && echo "can be written" >>"$T/restarts"
exit 0
EOF
chmod +x "$T"/bin/*
PATH=$T/bin:$PATH

truncate -s 40M "$T/esp"
mkfs.ext4 -q "$T/esp"
device=$(losetup -f --show "$T/esp") || skip "needs loop devices"
ln -s "$device" "$M/dev/disk/by-partlabel/esp"
on_esp() {
	mount "$device" "$T/mnt"
	status=0
	"$@" || status=$?
	umount "$T/mnt"
	return $status
}
update() { image-update --root "$M" --unsigned "$@"; }
quiet() { update "$@" >"$T/out" 2>&1 || { cat "$T/out"; fail "$*"; }; }
running() { # SLOT IMAGE
	echo "ro ingot.slot=$1 ingot.tree=$(id "$2")" >"$M/proc/cmdline"
}
entries_are() {
	got=$(on_esp ls "$T/mnt/loader/entries" | tr '\n' ' ')
	[ "$got" = "$1" ] || fail "entries: $got, not $1"
}
starts() { # SLOT IMAGE
	on_esp cat "$T/mnt/ingot/$1/grub.cfg" >"$T/grub.cfg"
	has "root=PARTLABEL=trees fsck.repair=yes ingot.slot=$1 ingot.tree=$(id "$2") " "$T/grub.cfg"
}
state_is() {
	[ "$(update history --json | jq -r '.[-1].state')" = "$1" ] ||
		fail "$(update history)"
}
trees_are() { # IMAGE...
	for name in "$@"; do id "$name"; done | sort >"$T/want"
	find "$trees" -mindepth 1 -maxdepth 1 -printf "%f\n" | sort >"$T/got"
	cmp -s "$T/want" "$T/got" || fail "trees: $(cat "$T/got"), not $*"
}
image() { # NAME VERSION
	t=$T/$1
	mkdir -p "$t/boot" "$t/etc/kernel" "$t/usr/lib/ingot/restart.d" "$t/usr/share/web"
	echo "kernel of $1" >"$t/boot/vmlinuz-6.$2"
	echo "initrd of $1" >"$t/boot/initrd.img-6.$2"
	echo "root=LABEL=x ro console=ttyS0" >"$t/etc/kernel/cmdline"
	echo "in every image" >"$t/etc/same"
	head -c 5000000 /dev/urandom >"$t/usr/share/own"
	echo "page of $1" >"$t/usr/share/web/page"
	echo "/usr/share/web web.service" >"$t/usr/lib/ingot/restart.d/web"
	describe "$1" "$2"
}
describe() {
	image-update describe "$T/$1" --image-version "$2" >"$T/$1.contents"
}
# An id as image-update tells it, of an image that a folder of slots takes.
id() {
	[ -e "$T/$1.id" ] || {
		image-update -q --unsigned --slots "$T/ids-$1" apply "$T/$1"
		readlink "$T/ids-$1/current" >"$T/$1.id"
	}
	cat "$T/$1.id"
}

# ---- the first image, as image-build and the initramfs leave it
image one 1
image two 2
image three 3
cp -a "$T/one" "$trees/$(id one)"
cp "$T/one.contents" "$trees/$(id one)/usr/lib/ingot/contents"
first() {
	mkdir -p "$T/mnt/loader/entries" "$T/mnt/ingot/a" "$T/mnt/grub"
	echo "linux /ingot/a/linux" >"$T/mnt/loader/entries/ingot-a-1.conf"
	echo "linux /ingot/a/linux root=PARTLABEL=trees ingot.slot=a ingot.tree=$(id one) ro" \
		>"$T/mnt/ingot/a/grub.cfg"
}
on_esp first
running a one
update status >"$T/out"
has "version 1" "$T/out"

# ---- the next one: shares, is on trial, is kept
quiet apply --hold 1 --limit 4000000000 "$T/two"
entries_are "ingot-a-1.conf ingot-b-2+3.conf "
starts b two
trees_are one two
[ "$(stat -c %i "$trees/$(id one)/etc/same")" = \
	"$(stat -c %i "$trees/$(id two)/etc/same")" ] || fail "nothing is shared"
running b two
mkdir -p "$M/usr/lib/ingot/health.d"
quiet boot
state_is COMMITTED
entries_are "ingot-a-1.conf ingot-b-2.conf "

# ---- one more: the first makes room; it does not come up
quiet apply "$T/three"
trees_are two three
starts a three
quiet boot
state_is ROLLEDBACK
entries_are "ingot-b-2.conf "
starts b two

# ---- without a reboot
cp -a "$T/two" "$T/four"
echo "page of four" >"$T/four/usr/share/web/page"
describe four 4
mkdir -p "$M/usr/share/web"
quiet apply --hold 1 --limit 100 "$T/four"
trees_are two four
[ "$(cat "$T/restarts")" = "page of four" ] || fail "seen: $(cat "$T/restarts")"
state_is COMMITTED
running a four
rm -rf "$M/run/image-update/paths"
quiet boot

# ---- and back
quiet rollback
running b two
quiet boot
update status >"$T/out"
grep -q "^current .*version 2" "$T/out" || fail "$(cat "$T/out")"

# ---- a slot that is not there
echo "ro ingot.slot=a ingot.tree=../../etc" >"$M/proc/cmdline"
update status 2>"$T/err" && fail "a tree elsewhere was taken"
has "is not in /run/image-update/trees" "$T/err"
