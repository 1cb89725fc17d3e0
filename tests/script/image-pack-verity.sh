#!/bin/sh
# A read-only root with its hash tree, and a signed unified kernel image that
# holds the root hash: checked by veritysetup and sbverify.
set -eu
. tests/lib.sh
boot=/usr/lib/systemd/boot/efi
[ -e $boot/linuxx64.efi.stub ] || skip "needs systemd-boot-efi"
for p in veritysetup sbsign sbverify objcopy openssl; do
	command -v $p >/dev/null || skip "needs $p"
done
scratch
mkdir -p "$T/tree/etc" "$T/tree/boot" "$T/tree$boot" "$T/tmp" \
	"$T/tree/usr/share" "$T/tree/usr/lib"
cp $boot/*x64* "$T/tree$boot"
cp -r /usr/share/common-licenses "$T/tree/usr/share"
echo 'PRETTY_NAME="Golden"' >"$T/tree/usr/lib/os-release"
head -c 2000000 /dev/urandom >"$T/tree/boot/vmlinuz-6.1"
head -c 300000 /dev/urandom >"$T/tree/boot/vmlinuz-5.9"
head -c 3000000 /dev/urandom >"$T/tree/boot/initrd.img-6.1"
seq 300000 >"$T/tree/usr/share/numbers"
mkdir -p "$T/tree/etc/kernel"
echo "root=/dev/mapper/root ro quiet" >"$T/tree/etc/kernel/cmdline"
openssl req -new -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=test \
	-keyout "$T/key" -out "$T/cert" 2>/dev/null
cat >"$T/layout" <<'END'
- local_loop: {name: image0}
- partitioning:
    base: image0
    label: gpt
    partitions:
      - name: esp
        type: EF00
        size: fit
        mkfs: {name: mkfs_esp, type: vfat, label: ESP}
      - name: root
        type: root-x86-64
        size: fit
        mkfs: {name: mkfs_root, type: FSTYPE, mount: {mount_point: /}}
      - name: hashes
        type: root-x86-64-verity
        size: fit
        verity: {name: verity_root, data: mkfs_root}
END
SOURCE_DATE_EPOCH=1700000000 TMP_DIR=$T/tmp
SECURE_BOOT_KEY=$T/key SECURE_BOOT_CERT=$T/cert
export SOURCE_DATE_EPOCH TMP_DIR SECURE_BOOT_KEY SECURE_BOOT_CERT

for fs in erofs squashfs ext4; do
	sed "s/FSTYPE/$fs/" "$T/layout" >"$T/layout.yaml"
	image-build pack -f raw -a amd64 --layout "$T/layout.yaml" \
		-o "$T/image" "$T/tree" >/dev/null 2>"$T/err" || {
		cat "$T/err" >&2
		fail "$fs was not made"
	}
	hash=$(sed -n 's/.*verity_root: root hash \([0-9a-f]*\)$/\1/p' "$T/err")
	[ ${#hash} = 64 ] || fail "no root hash was told: $(cat "$T/err")"
	sfdisk -J "$T/image.raw" >"$T/table"
	n=0
	for name in esp root hashes; do
		part=$(jq -r ".partitiontable.partitions[$n] |
			\"skip=\(.start) count=\(.size)\"" "$T/table")
		# shellcheck disable=SC2086
		dd if="$T/image.raw" of="$T/$name" bs=512 $part status=none
		n=$((n + 1))
	done
	veritysetup verify "$T/root" "$T/hashes" "$hash" >"$T/log" 2>&1 ||
		fail "$fs: veritysetup: $(cat "$T/log")"

	# The partitions are found by the hash.
	uuids=$(jq -r '.partitiontable.partitions[1:] | map(.uuid) | join("")' \
		"$T/table" | tr -d - | tr '[:upper:]' '[:lower:]')
	[ "$uuids" = "$hash" ] || fail "$fs: UUIDs $uuids, root hash $hash"

	# One byte of the root, and of the hashes, in the middle.
	for name in root hashes; do
		cp "$T/$name" "$T/$name.bad"
		size=$(stat -c %s "$T/$name")
		[ $name = root ] && at=$((size / 3)) || at=5000
		printf '\245' | dd of="$T/$name.bad" bs=1 seek="$at" \
			conv=notrunc status=none
		# It may have been just that byte.
		! cmp -s "$T/$name" "$T/$name.bad" ||
			printf '\132' | dd of="$T/$name.bad" bs=1 seek="$at" \
				conv=notrunc status=none
	done
	veritysetup verify "$T/root.bad" "$T/hashes" "$hash" >/dev/null 2>&1 &&
		fail "$fs: a flipped byte of the root was not seen"
	veritysetup verify "$T/root" "$T/hashes.bad" "$hash" >/dev/null 2>&1 &&
		fail "$fs: a flipped byte of the hashes was not seen"
done

# ---- the kernel image: the newest kernel, all in one, signed
mcopy -n -i "$T/esp" '::EFI/Linux/ingot-6.1.efi' "$T/uki"
mcopy -n -i "$T/esp" '::EFI/BOOT/BOOTX64.EFI' "$T/loader"
for f in uki loader; do
	sbverify --cert "$T/cert" "$T/$f" >"$T/log" 2>&1 ||
		fail "$f: $(cat "$T/log")"
done
objcopy --dump-section .cmdline="$T/cmdline" --dump-section .linux="$T/linux" \
	--dump-section .initrd="$T/initrd" "$T/uki" "$T/uki.copy"
[ "$(tr -d '\0' <"$T/cmdline")" = \
	"root=/dev/mapper/root ro quiet roothash=$hash" ] ||
	fail "command line: $(cat "$T/cmdline")"
cmp -n 2000000 "$T/linux" "$T/tree/boot/vmlinuz-6.1"
cmp -n 3000000 "$T/initrd" "$T/tree/boot/initrd.img-6.1"

# ---- without key and hash tree: a text, no program
sed '/verity: /d; /name: hashes/,+2d' "$T/layout.yaml" >"$T/plain.yaml"
env -u SECURE_BOOT_KEY image-build pack -q -f raw -a amd64 \
	--layout "$T/plain.yaml" -o "$T/plain" "$T/tree" >/dev/null ||
	fail "plain"
start=$(sfdisk -J "$T/plain.raw" | jq '.partitiontable.partitions[0].start * 512')
mtype -i "$T/plain.raw@@$start" '::loader/entries/ingot-6.1.conf' >"$T/entry"
has "options root=/dev/mapper/root ro quiet" "$T/entry"
has "linux /ingot/6.1/linux" "$T/entry"

# ---- a key without its certificate
env -u SECURE_BOOT_CERT image-build pack -q -f raw -a amd64 \
	--layout "$T/layout.yaml" -o "$T/bad" "$T/tree" 2>"$T/err" &&
	fail "signed without a certificate"
has "SECURE_BOOT_CERT is not" "$T/err"
[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
