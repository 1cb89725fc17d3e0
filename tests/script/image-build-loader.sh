#!/bin/sh
# Scripts that install GRUB as on a machine: devices have names, programs that
# stand in for grub-install and grub-probe make the loader, and an MBR's gap
# gets it.
set -eu
. tests/lib.sh
need_root
scratch

# What a package would bring: programs that tell how they were called.
element_script loader pre-install 10-grub <<'EOT'
[ -z "${IMAGE_BLOCK_DEVICE-}" ]
from=/usr/lib/grub/i386-pc
mkdir -p $from /boot /usr/sbin
printf 'boot%508s' '' >$from/boot.img
echo >$from/moddep.lst
echo module >$from/normal.mod
cat >/usr/bin/grub-mkimage <<'END'
#!/bin/bash
for a; do case $a in --output=*) out=${a#*=} ;; --config=*) early=${a#*=} ;; esac; done
{ printf '%1024s' ''; echo "$*"; cat "$early"; } >"$out"
END
cat >/usr/sbin/grub-mkconfig <<'END'
#!/bin/sh
grub_probe=/none
for t in device fs fs_label abstraction; do echo "$t $($grub_probe --target=$t /)"; done
$grub_probe --device x --target=fs_uuid || echo none
env | while read -r l; do case $l in grub_probe=*) echo "children ask $l" ;; esac; done
echo "kernel in $($grub_mkrelpath /boot/grub)"
END
chmod 755 /usr/bin/grub-* /usr/sbin/grub-*
EOT
element_script loader finalise 50-loader <<'EOT'
declare -A DEVICES
eval DEVICES=( $IMAGE_BLOCK_DEVICES )
echo "$IMAGE_BLOCK_DEVICE ${DEVICES[image0]} ${DEVICES[root]}" >/devices
$(type -p grub-install) --modules="lvm biosdisk" --force "$IMAGE_BLOCK_DEVICE"
grub-mkconfig >/boot/grub/grub.cfg
! grub-install --target=x86_64-efi 2>/no-efi
EOT
root='{label: up, mount: {mount_point: /, fstab: {options: defaults}}}'
boot='{type: ext4, label: start, mount: {mount_point: /boot, fstab: {options: defaults}}}'
layout() { # a line for each partition
	echo "
- local_loop: {name: image0, size: 160MiB}
- partitioning:
    base: image0
    label: mbr
    partitions:"
	printf '      - {name: %s}\n' "$@"
}
one_root=$(layout "root, flags: [boot, primary], size: 100%, mkfs: $root")
apart=$(layout "boot, flags: [boot, primary], size: 20MiB, mkfs: $boot" \
	"root, flags: [primary], size: 100%, mkfs: $root")
run() { # layout
	rm -rf "$T/image" "$T/image".*
	ELEMENTS_PATH=$T/elements:$PWD/tests/elements DIB_BLOCK_DEVICE_CONFIG=$1 \
		image-build -q --image-cache "$T/cache" -o "$T/image" -t raw,tar \
		-n tiny-os loader >"$T/log" 2>&1
}
build() { # layout
	run "$1" || fail "$(tail -n 20 "$T/log")"
	rm -rf "$T/tree"
	mkdir "$T/tree"
	tar -C "$T/tree" -xf "$T/image.tar"
}
number() { od -An -t "u$3" -j "$1" -N "$2" "$T/image.raw" | tr -d ' '; }

build "$one_root"
has "/dev/image0 /dev/image0 /dev/image0p1" "$T/tree/devices"
has "GRUB for x86_64-efi is not installed" "$T/tree/no-efi"
core=$T/tree/boot/grub/i386-pc/core.img config=$T/tree/boot/grub/grub.cfg
[ -e "$T/tree/boot/grub/i386-pc/normal.mod" ] || fail "modules are missing"
for w in "search.fs_label up root" 'set prefix=($root)/boot/grub' \
	--format=i386-pc lvm biosdisk search_label; do
	has "$w" "$core"
done
for w in "device LABEL=up" "fs ext2" "fs_label up" none "kernel in /boot/grub" \
	"children ask grub_probe=/"; do
	has "$w" "$config"
done
grep -q "children ask grub_probe=/none" "$config" &&
	fail "the parts of grub-mkconfig ask the real grub-probe"

# The first sector has the code and the table, the second begins the rest.
[ "$(head -c 4 "$T/image.raw")" = boot ] || fail "no boot code"
[ "$(number 510 2 2)" = 43605 ] || fail "no table"
[ "$(number 92 8 8)" = 1 ] || fail "the core is sought at $(number 92 8 8)"
[ "$(number 1012 8 8)" = 2 ] || fail "the rest is sought at $(number 1012 8 8)"
size=$(stat -c %s "$core")
dd if="$T/image.raw" bs=512 skip=2 count=$((size / 512 - 1)) status=none |
	cmp -n $((size / 512 * 512 - 512)) -i 0:512 - "$core" ||
	fail "the core in the gap is another"

# With /boot apart the loader looks there.
build "$apart"
has "search.fs_label start root" "$core"
has 'set prefix=($root)/grub' "$core"
grep -q '^kernel in /grub$' "$config" || fail "a path in /boot"

# What does not fit says so.
sed -i 's/%1024s/%2000000s/' "$T/elements/loader/pre-install.d/10-grub"
run "$one_root" && fail "a core of 2 MB fits into a gap of 1"
has "do not fit into the gap before the first partition" "$T/log"
