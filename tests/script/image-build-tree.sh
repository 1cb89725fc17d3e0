#!/bin/sh
# Every attribute of every file arrives in the image: the tree that goes in
# is listed by the last script, the file system is mounted and listed again.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements/odd
mkdir -p "$el/install.d" "$el/cleanup.d" "$T/mnt" "$T/tmp"
cat >"$el/cleanup.d/90-odd" <<'EOF'
#!/bin/bash
set -eu
cd "$TARGET_ROOT"
mkdir -p odd/deep/er odd/many odd/sticky odd/empty .dot
echo dot >.dot/file
chmod 3777 odd/sticky
chmod 0 odd/empty
for i in $(seq 3000); do : >"odd/many/a file with quite a long name, number $i"; done
echo hello >odd/file
ln odd/file odd/deep/link
ln odd/file odd/deep/er/link
ln -s file odd/short
ln -s "$(printf 'x%.0s' $(seq 59))" odd/link59
ln -s "$(printf 'x%.0s' $(seq 60))" odd/link60
ln -s "$(printf 'y%.0s' $(seq 4000))" odd/link4000
mknod odd/char c 1 3
mknod odd/block b 259 70000
mkfifo odd/fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("odd/socket")'
ln odd/fifo odd/fifo2
printf 'name: %b\n' odd/x >"odd/$(printf 'caf\303\251 \001 "\\')"
: >"odd/$(printf 'n%.0s' $(seq 255))"
chown 123:456 odd/file
chown -h 70000:80000 odd/short odd/char
chmod 4751 odd/file
head -c 1 /dev/zero >odd/one
head -c 4096 /dev/urandom >odd/block1
head -c 4097 /dev/urandom >odd/block2
head -c 20000000 /dev/urandom >odd/large
truncate -s 5G odd/sparse
for i in 0 1 5 4000; do
	echo "here $i" | dd of=odd/sparse bs=1M seek=$i conv=notrunc status=none
done
truncate -s 40960 odd/hole
python3 - <<'PY'
import os
# One extent for each of 3000 blocks: an extent tree of two levels.
fd = os.open("odd/fragments", os.O_RDWR | os.O_CREAT)
for i in range(3000):
    os.pwrite(fd, b"%d" % i, i * 8192)
PY
setcap cap_net_bind_service,cap_sys_admin+ep odd/block1
setfacl -m u:1001:r,g:77:rwx odd/block2
setfacl -d -m u:1002:rw odd/deep
setfattr -n user.colour -v green odd/large
setfattr -n trusted.secret -v "$(head -c 2500 /dev/zero | tr '\0' z)" odd/large
setfattr -n trusted.on-link -h -v "value" odd/short || true
setfattr -n trusted.dir -v value odd/empty
touch -d '1969-12-31 12:00:00.5' odd/one
touch -d '2099-01-02 03:04:05.123456789' odd/block1
touch -h -d '2001-02-03 04:05:06.7' odd/short
touch -d '2002-02-03 04:05:06.7' odd/deep/er odd/many
"$TREE_LIST" . >"$OUT/before"
EOF
chmod 755 "$el/cleanup.d/90-odd"
OUT=$T TREE_LIST=$PWD/tests/tree-list
export OUT TREE_LIST
ELEMENTS_PATH=$T/elements:$PWD/tests/elements TMP_DIR=$T/tmp \
	DIB_IMAGE_CACHE=$T/cache image-build -n -o "$T/image" -t raw \
	--image-size 0.3 tiny-os odd >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "the build failed"
}
e2fsck -fn "$T/image.raw" >"$T/fsck" 2>&1 || {
	cat "$T/fsck"
	fail "the file system is not clean"
}
if ! mount -o loop,ro "$T/image.raw" "$T/mnt" 2>"$T/mount.err"; then
	skip "cannot mount a loop device to read the image back: $(cat "$T/mount.err")"
fi
trap 'umount "$T/mnt"; rm -rf "$T"' EXIT
tests/tree-list "$T/mnt" >"$T/after"
[ "$(wc -l <"$T/before")" -gt 3050 ] || fail "too little was listed"
# What the build itself does after the last script: it gives /etc/resolv.conf
# back, which touches /etc, takes its mounts away, and says what there is in
# /usr/lib/ingot.
for f in before after; do
	grep -v "^b'\(tmp/in_target.d\|etc\(/resolv.conf[^']*\)\?\|usr/lib\(/ingot[^']*\)\?\|proc\|sys\|dev\|run\)' " \
		"$T/$f" >"$T/$f.cut"
done
diff -u "$T/before.cut" "$T/after.cut"
