#!/bin/sh
# The config drive: found by its label among the block devices and read
# without mounting, whatever kind of names it has.
set -u
. tests/helper/collect.sh
command -v genisoimage >/dev/null || { echo "no genisoimage"; exit 77; }

mkdir -p "$tmp/a/openstack/latest" "$tmp/a/ec2/latest" "$tmp/b/ec2/latest" \
    "$ROOT/dev" "$ROOT/sys/class/block/sda" "$ROOT/sys/class/block/sr0" \
    "$ROOT/sys/class/block/sr1"
for n in 1 2 3 4 5 6 7 8 9; do # more than one sector of names
	for m in 1 2 3 4 5 6 7 8 9; do
		: >"$tmp/a/openstack/latest/a_rather_long_name_$n$m.txt"
	done
done
echo '{"uuid": "u-1", "meta": {"k": "v"}}' \
    >"$tmp/a/openstack/latest/meta_data.json"
echo '{"instance-id": "i-1"}' >"$tmp/a/ec2/latest/meta-data.json"
echo '{"instance-id": "i-2"}' >"$tmp/b/ec2/latest/meta-data.json"
head -c 100000 /dev/urandom >"$ROOT/dev/sda"

iso() { # folder label options...
	d=$1 l=$2
	shift 2
	genisoimage -quiet -o "$ROOT/dev/sr1" -V "$l" "$@" "$tmp/$d" 2>/dev/null
}
show() { collect --print; }

iso a config-2 -J -r
same "both names" "$(show | jq -r .openstack.uuid)" u-1
iso a config-2 -r
same "Rock Ridge" "$(show | jq -r .openstack.uuid)" u-1
iso a config-2 -J
same "Joliet" "$(show | jq -r .openstack.uuid)" u-1
iso a CONFIG-2 -l -allow-lowercase -allow-multidot
same "plain" "$(show | jq -r .openstack.meta.k)" v
iso b config-2 -J -r
same "in EC2's form" "$(show | jq -r '.openstack["instance-id"]')" i-2
collect --one-time -c true || fail "once"
same "stored" "$(document openstack)" '{"instance-id":"i-2"}'

# The same from FAT, in each of its sizes.
for tool in mcopy mkfs.vfat; do
	command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
fat() { # bits megabytes label
	rm -f "$ROOT/dev/sr1"
	truncate -s "$2M" "$ROOT/dev/sr1"
	mkfs.vfat -F "$1" -s 1 -n "$3" "$ROOT/dev/sr1" >/dev/null
	mcopy -s -i "$ROOT/dev/sr1" "$tmp/a/openstack" "$tmp/a/ec2" ::/ ||
	    fail "mcopy"
}
for size in "12 1" "16 16" "32 64"; do
	# shellcheck disable=SC2086
	fat $size config-2
	same "FAT$size" "$(show | jq -r .openstack.uuid)" u-1
done

# Another label, and a disc that is cut short.
iso a other -J -r
same "another label" "$(show | jq -c .)" '{}'
iso a config-2 -J -r
truncate -s 40000 "$ROOT/dev/sr1"
same "cut short" "$(show | jq -c .)" '{}'
grep -q 'sr1' "$tmp/err" || fail "no word of the damage"
