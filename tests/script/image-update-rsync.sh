#!/bin/sh
# An image from a real rsync daemon, and by way of a remote shell: rsync brings
# bytes into a folder of its own; what it brings is compared like all else.
set -eu
. tests/lib.sh
need_root
command -v rsync >/dev/null || skip "needs rsync"
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
scratch
trap '[ -z "${pid-}" ] || kill "$pid" 2>/dev/null; rm -rf "$T"' EXIT
S=$T/slots
umask 022
openssl genpkey -algorithm ed25519 -out "$T/key"
openssl pkey -in "$T/key" -pubout -out "$T/pub"
mkdir -p "$T/a/etc" "$T/a/usr/lib/ingot" "$T/a/usr/lib/modules/6.1.0-1"
head -c 3000000 /dev/urandom >"$T/a/usr/lib/modules/6.1.0-1/m.ko"
head -c 1000000 /dev/urandom >"$T/a/usr/large"
echo 1111 >"$T/a/etc/change"
echo same >"$T/a/etc/same"
cp -a "$T/a" "$T/b"
mv "$T/b/usr/lib/modules/6.1.0-1" "$T/b/usr/lib/modules/6.1.0-2"
echo more >>"$T/b/usr/lib/modules/6.1.0-2/m.ko"
echo 2222 >"$T/b/etc/change"
touch -r "$T/a/etc/change" "$T/b/etc/change" # equal in size and time
echo odd >"$T/b/etc/#odd name;"
chown 12:34 "$T/b/etc/same"
chmod 4750 "$T/b/etc/same"
setfattr -n user.colour -v green "$T/b/etc/change"
ln "$T/b/etc/change" "$T/b/etc/link"
ln -s /etc/passwd "$T/b/etc/sym"
for v in 1:a 2:b; do
	t=$T/${v#*:}
	image-update --image-version "${v%:*}" --name web --sign "$T/key" \
		describe "$t" >"$t.contents"
done
cp "$T/b.contents" "$T/b/usr/lib/ingot/contents"

cat >"$T/conf" <<END
use chroot = no
uid = 0
gid = 0
log file = $T/log
log format = %o %f %b
transfer logging = yes
[image]
	path = $T/b
[folder]
	path = $T/kernel
END
# A port that is free; if it is taken meanwhile, another one.
i=0
while :; do
	port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rsync --daemon --no-detach --address=127.0.0.1 --port="$port" \
		--config="$T/conf" &
	pid=$!
	n=0
	while kill -0 "$pid" 2>/dev/null &&
		! rsync -q "rsync://127.0.0.1:$port/" >/dev/null 2>&1; do
		n=$((n + 1))
		[ "$n" -lt 300 ] || fail "the daemon does not answer"
		sleep 0.1
	done
	kill -0 "$pid" 2>/dev/null && break
	i=$((i + 1))
	[ "$i" -lt 5 ] || fail "the daemon does not start"
done
U=rsync://127.0.0.1:$port/image
update() { image-update -q --slots "$S" --key "$T/pub" "$@"; }
begin() {
	rm -rf "$S"
	update apply "$T/a"
	: >"$T/log"
}
applied() {
	rm -f "$S/current/usr/lib/ingot/contents"
	tests/tree-list "$T/b" | grep -v usr/lib/ingot | cut -d' ' -f1-4 >"$T/want"
	tests/tree-list "$S/current/." | grep -v usr/lib/ingot | cut -d' ' -f1-4 >"$T/got"
	diff -u "$T/want" "$T/got" || fail "$1: the slot is not the image"
	cmp "$T/b/usr/lib/modules/6.1.0-2/m.ko" "$S/current/usr/lib/modules/6.1.0-2/m.ko"
	[ "$(cat "$S/current/etc/link")" = 2222 ] || fail "$1: a change was missed"
	[ ! -e "$S/staging" ] || fail "$1: something is left"
	[ "$(cat "$S/previous/etc/change")" = 1111 ] || fail "$1: the old slot changed"
}

begin
update apply "$U"
applied daemon
# The module is known by its name without the version: its bytes stay there.
awk '$4 == "send" { n += $NF } END { exit !(n > 0 && n < 1000000) }' "$T/log" || {
	cat "$T/log"
	fail "a renamed file was sent whole"
}
grep -q "usr/large" "$T/log" && fail "what did not change was asked for"

# Large files have blocks of their own size, so that both ends can bear them.
mkdir "$T/bin"
cat >"$T/bin/rsync" <<END
#!/bin/sh
printf '%s\n' "\$*" | grep -o 'block-size=[0-9]*' >"$T/said"
exec "$(command -v rsync)" "\$@"
END
chmod +x "$T/bin/rsync"
mkfifo "$T/said" # it may write nowhere else
exec 3<>"$T/said"
truncate -s 257M "$T/b/usr/larger"
mv "$T/b.contents" "$T/small.contents"
image-update --image-version 2 --name web --sign "$T/key" \
	describe "$T/b" >"$T/b.contents"
begin
PATH=$T/bin:$PATH update --contents "$T/b.contents" apply "$U"
applied "a large file"
echo end >&3
[ "$(sed '/^end$/Q' <&3 | paste -sd' ')" = "block-size=512 block-size=65536" ] ||
	fail "blocks of one size"
exec 3>&-
rm "$T/b/usr/larger"
mv "$T/small.contents" "$T/b.contents"
rm -rf "$S"

# By way of a remote shell.
cat >"$T/rsh" <<'END'
#!/bin/sh
shift # the host
exec "$@"
END
chmod +x "$T/rsh"
begin
RSYNC_RSH=$T/rsh image-update -q --slots "$S" --key "$T/pub" apply "host:$T/b"
applied shell

# The initramfs holds files of the image.  What has come of them already does
# not come again with it, though nothing in them is as it was.
archive() { # TREE NAME...: in cpio's form "newc"
	python3 - "$@" <<'END'
import os, sys
def add(name, mode, data=b''):
    head = '070701' + ''.join('%08X' % n for n in (
        7, mode, 0, 0, 1, 9, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    for part in head.encode() + name.encode() + b'\0', data:
        sys.stdout.buffer.write(part + b'\0' * (-len(part) % 4))
for name in sys.argv[2:]:
    path = os.path.join(sys.argv[1], name)
    if os.path.isdir(path):
        add(name, 0o40755)
    else:
        add(name, 0o100644, open(path, 'rb').read())
add('TRAILER!!!', 0)
END
}
mkdir "$T/kernel"
for v in 1:a 2:b; do
	t=$T/kernel/${v#*:} m=usr/lib/modules/6.1.0-${v%:*}
	mkdir -p "$t/boot" "$t/$m" "$t/etc"
	head -c 3000000 /dev/urandom >"$t/$m/m.ko"
	head -c 1000000 /dev/urandom >"$t/$m/n.ko"
	head -c "1${v%:*}1111" /dev/urandom >"$t/etc/change"
	echo "${v#*:}" >"$t/boot/vmlinuz-6.1.0-${v%:*}"
	archive "$t" etc "$m" ./etc/change "$m/m.ko" "./$m/n.ko" \
		>"$t/boot/initrd.img-6.1.0-${v%:*}"
	image-update --image-version "${v%:*}" --name web --sign "$T/key" \
		describe "$t" >"$t.contents"
done
with_kernel() { # WHAT MOST: bytes of the initramfs, at most
	rm -rf "$S"
	image-update --image-version 1 --name web --sign "$T/key" \
		describe "$T/kernel/a" >"$T/kernel/a.contents"
	update apply "$T/kernel/a"
	: >"$T/log"
	update --contents "$T/kernel/b.contents" apply "${U%/*}/folder/b"
	tests/tree-list "$T/kernel/b" | cut -d' ' -f1-4 >"$T/want"
	tests/tree-list "$S/current/." | cut -d' ' -f1-4 >"$T/got"
	diff -u "$T/want" "$T/got" || fail "$1: the slot is not the image"
	cmp "$T/kernel/b/boot/initrd.img-6.1.0-2" \
		"$S/current/boot/initrd.img-6.1.0-2" || fail "$1"
	awk -v most="$2" '$5 ~ /initrd/ { n = $NF } $5 ~ /m.ko/ { m = $NF }
		END { exit !(n > 0 && n <= most && m >= 3000000) }' "$T/log" || {
		cat "$T/log"
		fail "$1: not what was to be sent"
	}
}
with_kernel "an initramfs" 10000
# An old one that is no such archive, or only in part, is no worse than before.
old=$T/kernel/a/boot/initrd.img-6.1.0-1
cp "$old" "$T/initramfs"
gzip -1 <"$T/initramfs" >"$old"
with_kernel "compressed" 5000000
head -c 2000000 "$T/initramfs" >"$old" # in the midst of a file
with_kernel "cut" 5000000
for at in 54 94 110; do # sizes of file and of name; a name without end
	{
		head -c $((at)) "$T/initramfs"
		printf 'FFFFFFFFFFFFFFFF'
		tail -c +$((at + 17)) "$T/initramfs"
	} >"$old"
	with_kernel "damaged at $at" 5000000
done
rm -rf "$S"

refused() { # STATUS WORDS SOURCE
	begin
	status=0
	RSYNC_RSH=$T/rsh image-update -q --slots "$S" --key "$T/pub" \
		--contents "$T/b.contents" apply "$3" 2>"$T/err" || status=$?
	[ "$status" = "$1" ] || { cat "$T/err"; fail "$2: status $status"; }
	has "$2" "$T/err"
	[ "$(cat "$S/current/etc/change")" = 1111 ] || fail "$2: another slot"
}
# What the other end has is not what was signed; or is not there; or leads out.
echo 3333 >"$T/b/etc/change"
refused 1 "etc/change" "$U"
echo 2222 >"$T/b/etc/change"
mv "$T/b/usr/lib/modules" "$T/b/usr/lib/gone"
refused 1 "6.1.0-2" "$U"
mv "$T/b/usr/lib/gone" "$T/b/usr/lib/modules"
mv "$T/b/etc/#odd name;" "$T/odd"
ln -s /etc/shadow "$T/b/etc/#odd name;"
refused 1 "odd name" "$U"
rm "$T/b/etc/#odd name;"
mv "$T/odd" "$T/b/etc/#odd name;"

# A remote end that writes where it likes is held in its folder.
cat >"$T/rsh" <<END
#!/bin/sh
touch "$T/outside" 2>/dev/null
shift
exec "\$@"
END
begin
RSYNC_RSH=$T/rsh image-update -q --slots "$S" --key "$T/pub" apply "host:$T/b"
applied "a remote end that writes"
if unshare -m true 2>/dev/null; then
	[ ! -e "$T/outside" ] || fail "it wrote outside its folder"
fi

# A cut: not now; then the next one goes on.
mkfifo "$T/pipe"
cat >"$T/rsh" <<END
#!/bin/sh
shift
"\$@" <&0 >"$T/pipe" &
exec head -c 3000 <"$T/pipe"
END
refused 75 "rsync" "host:$T/b"
[ -e "$S/staging" ] || fail "a cut left nothing"
update apply "$U"
applied "after a cut"
exit 0
