#!/bin/sh
# The whole line in machines: an image is built, its root partition is sound,
# it boots, collects, applies and reports; other metadata give another
# machine; a hook that fails is seen from outside; state survives a reboot.
set -eu
. tests/lib.sh
need_root
case $BUILD in
*-san | *-cov) skip "the plain flavour's run boots machines" ;;
esac
[ -n "$(command -v qemu-system-x86_64)" ] || skip "needs qemu-system-x86_64"
scratch

ELEMENTS_PATH=$PWD/tests/elements image-build -o "$T/image" -t raw,qcow2 \
	debian vm readonly-root web vm-probe >"$T/build.log" 2>&1 || {
	tail -n 60 "$T/build.log"
	fail "the build failed"
}

# The root partition, cut out, and both tables.
sfdisk --verify "$T/image.raw" >"$T/sfdisk" 2>&1 || fail "$(cat "$T/sfdisk")"
sfdisk -J "$T/image.raw" | jq -r '.partitiontable.partitions[] |
	"\(.name) \(.start) \(.size)"' >"$T/partitions"
for name in root state; do
	start=$(awk -v n=$name '$1 == n { print $2 }' "$T/partitions")
	size=$(awk -v n=$name '$1 == n { print $3 }' "$T/partitions")
	dd if="$T/image.raw" of="$T/$name.img" bs=512 skip="$start" \
		count="$size" conv=sparse status=none
	e2fsck -fn "$T/$name.img" >"$T/fsck" 2>&1 || {
		cat "$T/fsck"
		fail "e2fsck finds fault with $name"
	}
done
rm -f "$T/root.img" "$T/state.img"
qemu-img check -q "$T/image.qcow2" || fail "qemu-img check"

# boot NAME METADATA ARGUMENT...: status and output to $T/NAME.*
boot() {
	name=$1 metadata=$2
	shift 2
	echo "$metadata" >"$T/$name.json"
	status=0
	image-run --verbose --metadata "$T/$name.json" --timeout 240 \
		--exit-on-signal "$@" >"$T/$name.out" 2>"$T/$name.err" || status=$?
	grep -a -o 'PROBE .*' "$T/$name.err" | tr -d '\r' >"$T/$name.probe" || true
	echo "== $name: status $status"
	cat "$T/$name.probe" "$T/$name.out"
}

boot first '{"probe": {"words": "one"}, "web": {"title": "First"}}' "$T/image.qcow2"
[ $status = 0 ] || fail "the machine did not report success"
has "PROBE read-only root holds" "$T/first.probe"
has "PROBE rendered: words one, drive" "$T/first.probe"
has "report: success" "$T/first.out"
grep -q 'failed units: *$' "$T/first.probe" || fail "units failed at boot"

# The same image under UEFI, with other metadata, and a config drive beside.
mkdir -p "$T/drive/openstack/latest"
echo '{"drive": {"words": "seen"}}' >"$T/drive/openstack/latest/meta_data.json"
genisoimage -quiet -R -V config-2 -o "$T/drive.iso" "$T/drive"
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$T/vars.fd"
boot second '{"probe": {"words": "two"}, "web": {"title": "Second"}}' \
	"$T/image.raw" -- \
	-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd" \
	-drive "if=pflash,format=raw,unit=1,file=$T/vars.fd" \
	-drive "file=$T/drive.iso,format=raw,if=virtio,readonly=on"
[ $status = 0 ] || fail "the machine did not report success"
has "PROBE rendered: words two, drive seen" "$T/second.probe"
grep -q 'failed units: *$' "$T/second.probe" || fail "units failed under UEFI"

boot fails '{"probe": {"fail": "yes"}}' "$T/image.qcow2"
[ $status = 1 ] || fail "a hook failed, and the status is $status"
has "report: failed" "$T/fails.out"
has "the reason, in words" "$T/fails.out"

boot reboot '{"probe": {"reboot": "yes"}}' "$T/image.qcow2"
[ $status = 0 ] || fail "the machine did not come back from its reboot"
has "PROBE rebooting" "$T/reboot.probe"
has "PROBE state survived the reboot" "$T/reboot.probe"
