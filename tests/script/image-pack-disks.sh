#!/bin/sh
# Layouts of every kind, made of one tree: tables, file systems and volume
# groups, each read back by the programs that know it best.
set -eu
. tests/lib.sh
scratch
mkdir -p "$T/tree/etc" "$T/tree/var/log" "$T/tree/home/user" \
	"$T/tree/boot/efi/EFI/vendor" "$T/tmp"
echo here >"$T/tree/etc/hostname"
echo log >"$T/tree/var/log/kept"
echo mine >"$T/tree/home/user/file"
head -c 100000 /dev/urandom >"$T/tree/boot/efi/EFI/vendor/a long name.efi"
SOURCE_DATE_EPOCH=1700000000 TMP_DIR=$T/tmp
export SOURCE_DATE_EPOCH TMP_DIR

# pack NAME OPTION...: $T/NAME.yaml to $T/NAME.raw
pack() {
	name=$1
	shift
	image-build pack -q -f raw --layout "$T/$name.yaml" -o "$T/$name" "$@" \
		"$T/tree" >"$T/out" 2>"$T/err" || {
		cat "$T/err" >&2
		fail "$name was not made"
	}
	sfdisk --verify "$T/$name.raw" >"$T/verify" 2>&1 ||
		fail "$name: $(cat "$T/verify")"
	sfdisk -J "$T/$name.raw" >"$T/$name.json"
}

# cut NAME NUMBER FILE: a partition, by its number
cut_part() {
	part=$(jq -r --arg n "$T/$1.raw$2" '.partitiontable.partitions[] |
		select(.node == $n) | "skip=\(.start) count=\(.size)"' "$T/$1.json")
	[ -n "$part" ] || fail "$1 has no partition $2"
	# shellcheck disable=SC2086
	dd if="$T/$1.raw" of="$3" bs=512 $part conv=sparse status=none
}

# holds FILE PATH TEXT: an ext4 file system that is clean and has the file
holds() {
	e2fsck -fn "$1" >"$T/fsck" 2>&1 || {
		cat "$T/fsck" >&2
		fail "$1 is not clean"
	}
	got=$(debugfs -R "cat $2" "$1" 2>/dev/null)
	[ "$got" = "$3" ] || fail "$1: $2 holds \"$got\", not \"$3\""
}

root='mkfs: {name: mkfs_root, mount: {mount_point: /, fstab: {options: defaults}}}'
cat >"$T/mbr.yaml" <<END
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: mbr
    partitions:
      - {name: root, flags: [boot, primary], size: 60%, $root}
      - name: var
        size: 50%
        mkfs: {type: ext4, label: varfs, mount: {mount_point: /var, fstab: {}}}
      - name: swap
        size: 100%
        type: "0x82"
        mkfs: {type: swap, label: swap0, mount: {mount_point: none, fstab: {}}}
END
pack mbr
[ "$(jq -r '[.partitiontable.partitions[] | .type] | join(" ")' "$T/mbr.json")" = \
	"83 f 83 82" ] || fail "types of mbr"
[ "$(jq -r '.partitiontable.partitions[0].bootable' "$T/mbr.json")" = true ] ||
	fail "root is not bootable"
cut_part mbr 1 "$T/part" && holds "$T/part" /etc/hostname here
if debugfs -R 'ls -p /var' "$T/part" 2>/dev/null | grep -q log; then
	fail "/var is in the root as well"
fi
cut_part mbr 5 "$T/part" && holds "$T/part" /log/kept log
cut_part mbr 6 "$T/part"
blkid -p -o export "$T/part" >"$T/blkid"
has TYPE=swap "$T/blkid" && has LABEL=swap0 "$T/blkid"

cat >"$T/efi.yaml" <<END
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: ESP
        type: EF00
        size: 100MiB
        mkfs: {type: vfat, mount: {mount_point: /boot/efi, fstab: {}}}
      - {name: BSP, type: EF02, size: 8MiB}
      - {name: root, size: 100%, $root}
END
pack efi
[ "$(jq -r '[.partitiontable.partitions[] | .name] | join(" ")' "$T/efi.json")" = \
	"ESP BSP root" ] || fail "names of efi"
cut_part efi 1 "$T/part"
fsck.vfat -n "$T/part" >"$T/fsck" 2>&1 || fail "vfat: $(cat "$T/fsck")"
mcopy -n -i "$T/part" '::EFI/vendor/a long name.efi' "$T/copied"
cmp "$T/copied" "$T/tree/boot/efi/EFI/vendor/a long name.efi"
has 'LABEL="MKFS_ESP"' - <<END
$(blkid -p "$T/part")
END
cut_part efi 3 "$T/part" && holds "$T/part" /etc/hostname here
mv "$T/efi.raw" "$T/first.raw"
sleep 1
touch "$T/tree"
pack efi
cmp "$T/efi.raw" "$T/first.raw" || fail "efi: not the same bytes twice"

# The same with sectors of 4 KiB: the table stands elsewhere.
DIB_BLOCK_SIZE=4096 image-build pack -q -f raw --layout "$T/efi.yaml" \
	-o "$T/4k" "$T/tree" >/dev/null 2>&1 || fail "4k"
[ "$(dd if="$T/4k.raw" bs=4096 skip=1 count=1 status=none | head -c 8)" = \
	"EFI PART" ] || fail "no table in the second sector of 4 KiB"

cat >"$T/lvm.yaml" <<'END'
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - {name: one, type: 8E00, size: 60%}
      - {name: two, type: 8E00, size: 100%}
- lvm:
    name: lvm
    base: [one, two]
    pvs:
      - {name: pv0, base: one, options: ["--force"]}
      - {name: pv1, base: two}
    vgs: [{name: vg, base: [pv0, pv1], options: ["--force"]}]
    lvs:
      - {name: lv_root, base: vg, extents: 30%VG}
      - {name: lv_var, base: vg, size: 24MiB}
      - {name: lv_home, base: vg, extents: 40%FREE}
- mkfs: {name: r, base: lv_root, type: ext4, label: r, mount: {mount_point: /, fstab: {}}}
- mkfs: {name: v, base: lv_var, type: ext4, label: v, mount: {mount_point: /var, fstab: {}}, opts: -J size=4}
- mkfs: {name: h, base: lv_home, type: ext4, label: h, mount: {mount_point: /home, fstab: {}}}
END
pack lvm --image-size 1
if command -v pvck >/dev/null; then
	for n in 1 2; do
		cut_part lvm $n "$T/pv$n"
		pvck --dump headers "$T/pv$n" >"$T/pvck" 2>&1 ||
			fail "pvck: $(cat "$T/pvck")"
		has "vgname vg seqno 1" "$T/pvck"
		if grep -q 'invalid\|should be' "$T/pvck"; then
			fail "pvck: $(cat "$T/pvck")"
		fi
	done
	pvck --dump metadata "$T/pv1" >"$T/metadata" 2>/dev/null
	has "lv_home {" "$T/metadata"
fi
# A volume is one run: its place follows from the metadata.
start=$(jq '.partitiontable.partitions[0].start' "$T/lvm.json")
dd if="$T/lvm.raw" of="$T/volume" bs=1M skip=$((start / 2048 + 1)) count=280 \
	conv=sparse status=none
dumpe2fs -h "$T/volume" >"$T/dumpe2fs" 2>&1 || true
has "volume name:   r" "$T/dumpe2fs"

# ---- arm64: the layout that its machines get
cp elements/block-device-vm/block-device-arm64.yaml "$T/arm.yaml"
mkdir -p "$T/tree/usr/lib/systemd/boot/efi" "$T/tree/boot"
echo loader >"$T/tree/usr/lib/systemd/boot/efi/systemd-bootaa64.efi"
echo kernel >"$T/tree/boot/vmlinuz-6.1"
pack arm -a arm64
[ "$(jq -r '.partitiontable.partitions | map(.type) | join(" ")' \
	"$T/arm.json")" = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B \
B921B045-1DF0-41C3-AF44-4C6F280D3FAE 0FC63DAF-8483-4772-8E79-3D69D8477DE4" ] ||
	fail "arm64: types $(cat "$T/arm.json")"
start=$(jq '.partitiontable.partitions[0].start' "$T/arm.json")
mdir -b -i "$T/arm.raw@@$((start * 512))" ::/EFI/BOOT >"$T/mdir" 2>&1 || true
has "BOOTAA64.EFI" "$T/mdir"

# ---- a loader that is there only with the distribution's signature
mv "$T/tree/usr/lib/systemd/boot/efi/systemd-bootaa64.efi" \
	"$T/tree/usr/lib/systemd/boot/efi/systemd-bootx64.efi.signed"
cp elements/block-device-ab/block-device-default.yaml "$T/slots.yaml"
pack slots
start=$(jq '.partitiontable.partitions[1].start' "$T/slots.json")
mcopy -n -i "$T/slots.raw@@$((start * 512))" '::/EFI/BOOT/BOOTX64.EFI' "$T/mcopy"
has loader "$T/mcopy"
mdir -b -i "$T/slots.raw@@$((start * 512))" ::/loader/entries >"$T/mdir" 2>&1 || true
has "ingot-a-1.conf" "$T/mdir"
rm -r "$T/tree/usr/lib/systemd"
if image-build pack -q -f raw --layout "$T/slots.yaml" -o "$T/bad" "$T/tree" \
	>"$T/out" 2>"$T/err"; then
	fail "slots that nothing starts"
fi
has "systemd-bootx64.efi" "$T/err"
rm "$T/tree/boot/vmlinuz-6.1"

# ---- several disks: the others' names have theirs
cat >"$T/two.yaml" <<END
- local_loop: {name: image0}
- local_loop: {name: data, size: 64MiB}
- mkfs: {base: image0, name: mkfs_root, mount: {mount_point: /, fstab: {}}}
- mkfs: {base: data, name: d, type: ext4, label: d, mount: {mount_point: /home, fstab: {}}}
END
image-build pack -q -f raw,qcow2 --layout "$T/two.yaml" -o "$T/two" "$T/tree" \
	>"$T/out" || fail "two disks"
[ "$(wc -l <"$T/out")" = 4 ] || fail "four images: $(cat "$T/out")"
holds "$T/two-data.raw" /user/file mine
qemu-img check -q "$T/two-data.qcow2" || fail "two-data.qcow2"

# ---- what cannot be
# refused NAME TEXT OPTION...: it fails with the text and leaves nothing
refused() {
	name=$1 text=$2
	shift 2
	if image-build pack -q -f raw --layout "$T/$name.yaml" -o "$T/bad" \
		"$@" "$T/tree" >"$T/out" 2>"$T/err"; then
		fail "$name was made"
	fi
	has "$text" "$T/err"
	[ ! -e "$T/bad.raw" ] || fail "$name left an image"
}
sed 's/size: 100MiB/size: 100KiB/' "$T/efi.yaml" >"$T/small.yaml"
refused small "vfat MKFS_ESP"
sed 's/name: image0/name: image0, size: 80MiB/' "$T/efi.yaml" >"$T/large.yaml"
refused large "partition ESP wants 100.0 MiB, 22.0 MiB more than is left"
sed 's/size: 24MiB/size: 2GiB/' "$T/lvm.yaml" >"$T/group.yaml"
refused group "volume lv_var wants 2048.0 MiB in one piece" --image-size 1
ln -s nowhere "$T/tree/boot/efi/link"
refused efi "link is neither a file nor a folder"
rm "$T/tree/boot/efi/link"
[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
