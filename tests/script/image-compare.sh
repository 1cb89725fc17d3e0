#!/bin/sh
# Two systems compared: every attribute is seen, whatever holds them.
set -eu
. tests/lib.sh
need_root
scratch
TMP_DIR=$T/tmp SOURCE_DATE_EPOCH=1700000000
export TMP_DIR SOURCE_DATE_EPOCH
mkdir -p "$T/tmp" "$T/a/var/lib/dpkg" "$T/a/etc" "$T/a/dev"

package() { # name version
	printf 'Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n\n' "$@"
}
# compare STATUS ARGUMENT...
compare() {
	want=$1
	shift
	status=0
	image-build compare "$@" >"$T/out" 2>"$T/err" || status=$?
	[ $status = "$want" ] ||
		fail "compare $*: status $status: $(cat "$T/out" "$T/err")"
}
# line TEXT: exactly this line must be there
line() {
	grep -qxF -- "$1" "$T/out" || {
		cat "$T/out"
		fail "no line: $1"
	}
}

{
	package bash 5.1
	package gone 1
	package same 1
} >"$T/a/var/lib/dpkg/status"
for f in mode owner size content target attribute time type link; do
	echo "$f" >"$T/a/etc/$f"
done
rm "$T/a/etc/target"
ln -s here "$T/a/etc/target"
mknod "$T/a/dev/node" c 1 3
echo 12345 >"$T/a/etc/old"
dd if=/dev/zero of="$T/a/etc/large" bs=1M count=1 status=none
find "$T/a" -exec touch -h -d @1600000000 {} +
cp -a "$T/a" "$T/b"
compare 0 "$T/a" "$T/b"
[ ! -s "$T/out" ] || fail "the same, and it says $(cat "$T/out")"

# ---- folders, archives and disks of the same tree are the same
image-build pack -q -f raw,qcow2,tgz,tar -o "$T/a-image" "$T/a" >/dev/null
for x in raw qcow2 tgz tar; do
	compare 0 "$T/a" "$T/a-image.$x"
done
compare 0 "$T/a-image.qcow2" "$T/a-image.tar"

# ---- every difference
{
	package bash 5.2
	package new 2
	package same 1
} >"$T/b/var/lib/dpkg/status"
touch -d @1600000000 "$T/b/var/lib/dpkg/status"
chmod 600 "$T/b/etc/mode"
chown 12:34 "$T/b/etc/owner"
echo longer >"$T/b/etc/size"
echo conTent >"$T/b/etc/content"
ln -sf there "$T/b/etc/target"
setfattr -n user.a -v b "$T/b/etc/attribute"
rm "$T/b/etc/type" "$T/b/etc/old" "$T/b/dev/node"
mkdir "$T/b/etc/type"
mknod "$T/b/dev/node" c 1 5
ln "$T/b/etc/link" "$T/b/etc/link2"
echo added >"$T/b/etc/new"
printf x | dd of="$T/b/etc/large" bs=1 seek=777777 conv=notrunc status=none
find "$T/b" -exec touch -h -d @1600000000 {} +
touch -d @1600000001 "$T/b/etc/time"
image-build pack -q -f qcow2,tar.zst -o "$T/b-image" "$T/b" >/dev/null

for pair in "$T/a $T/b" "$T/a-image.raw $T/b-image.qcow2" \
	"$T/a-image.tgz $T/b-image.tar.zst"; do
	# shellcheck disable=SC2086
	compare 1 $pair
	line 'packages: 1 added, 1 removed, 1 changed'
	line '+ new 2'
	line '- gone 1'
	line '! bash 5.1 -> 5.2'
	line 'files: 2 added, 1 removed, 12 changed'
	line '+ /etc/new: 6 bytes'
	line '- /etc/old: 6 bytes'
	line '! /etc/mode: mode 0644 -> 0600'
	line '! /etc/owner: owner 0 -> 12, group 0 -> 34'
	line '! /etc/size: size 5 -> 7, content from byte 0'
	line '! /etc/content: content from byte 3'
	line '! /etc/target: target here -> there'
	line '! /etc/attribute: attributes  -> user.a=62'
	line '! /etc/time: time 1600000000.000000000 -> 1600000001.000000000'
	line '! /etc/type: type file -> folder, mode 0644 -> 0755'
	line '! /etc/link: links 1 -> 2'
	line '! /dev/node: device 1:3 -> 1:5'
	line '! /etc/large: content from byte 777777'
done
compare 1 --json "$T/a" "$T/b"
[ "$(jq -r '.files.changed[] | select(.path == "/etc/mode") | .what.mode | join(" ")' \
	"$T/out")" = "0644 0600" ] || fail "json: $(cat "$T/out")"

# ---- what cannot be compared
compare 1 "$T/a" "$T/missing"
has "missing: No such file" "$T/err"
head -c 100000 /dev/urandom >"$T/noise"
compare 1 "$T/noise" "$T/a"
has "noise: " "$T/err"
compare 2 "$T/a"
printf 'evil' >"$T/a/etc/$(printf 'x\033[31m')"
compare 1 "$T/a" "$T/b"
if grep -q "$(printf '\033')" "$T/out"; then
	fail "a name steers the terminal"
fi
[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls -A "$T/tmp")"
