#!/bin/sh
# An image at a URL: contents first, then a pack for what is there, a pack for
# anyone, or an archive.  Cuts are gone on after, and whatever a server does,
# what is not signed is never chosen.
set -eu
. tests/lib.sh
need_root
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
scratch
S=$T/slots
umask 022
python3 - "$T" <<'END'
"""Two trees: large files with small changes, a versioned folder that moves,
copies, links, files that are there twice, random bytes and text."""
import os
import random
import sys

top = sys.argv[1]
random.seed(3)


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)


def blob(n):
    return random.randbytes(n)


large, moved = bytearray(blob(5_000_000)), blob(900_000)
small = [blob(random.randrange(1, 9000)) for i in range(60)]
for name, version in (('a', 1), ('b', 2)):
    tree = '%s/%s/' % (top, name)
    if version == 2:
        large[2_500_000:2_500_010] = b'0123456789ab'
        large[100:100] = b'more'
        small[7:20] = [s + b'!' for s in small[7:20]]
        moved = moved[:1000] + b'x' + moved[1001:]
    put(tree + 'usr/lib/large', large)
    put(tree + 'usr/lib/modules/6.1.0-%d/m.ko' % version, moved)
    for i, s in enumerate(small):
        put(tree + 'etc/%02d' % i, s)
    put(tree + 'etc/empty', b'')
    for kind in 'vmlinuz', 'initrd.img':
        put(tree + 'boot/%s-6.1.0-%d-cloud-amd64' % (kind, version), b'boot')
    put(tree + ('opt/old' if version == 1 else 'opt/new/name'), b'kept' * 9000)
    put(tree + 'usr/lib/ingot/none', b'')
    if version == 2:
        put(tree + 'usr/new', blob(2_200_000))
        put(tree + 'usr/twin', small[7])
        os.link(tree + 'usr/new', tree + 'usr/linked')
        os.chmod(tree + 'etc/03', 0o4755)
END
openssl genpkey -algorithm ed25519 -out "$T/key"
openssl pkey -in "$T/key" -pubout -out "$T/pub"
for v in 1:a 2:b; do
	image-update --image-version "${v%:*}" --name web --sign "$T/key" \
		describe "$T/${v#*:}" >"$T/${v#*:}.contents"
done
mkdir "$T/www"
cp "$T/b.contents" "$T/www/web.contents"
id=$(sed '/^signature /,$d;/^$/,$d' "$T/a.contents" | sha256sum | cut -c1-16)
image-update -q pack --from "$T/a" --output "$T/www/web.from-$id.pack" "$T/b"
image-update -q pack --output "$T/www/web.pack" "$T/b"
image-update -q pack --from "$T/a" -o "$T/again" "$T/b"
cmp "$T/again" "$T/www/web.from-$id.pack" || fail "a pack is not the same twice"
tar -C "$T/b" --xattrs -czf "$T/www/web.tar.gz" .
# The large file, the module and others are changed a little: little travels.
[ "$(stat -c %s "$T/www/web.from-$id.pack")" -lt 2300000 ] ||
	fail "a pack is larger than what is new"

stop() { exec 9>&-; }
update() { image-update -q --slots "$S" --key "$T/pub" "$@"; }
begin() { # with image a in use
	rm -rf "$S"
	update apply "$T/a"
	forget
}
applied() {
	asked | grep -v " 0 -$" >/dev/null || fail "nothing was asked"
	diff -r "$T/b" "$S/current/" 2>&1 | grep -v ': contents$' &&
		fail "$1: the slot is not the image"
	[ "$(stat -c %a "$S/current/etc/03")" = 4755 ] || fail "$1: a mode is lost"
	[ "$(stat -c %h "$S/current/usr/new")" = 2 ] || fail "$1: a link is lost"
	cmp -s "$S/current/usr/lib/ingot/contents" "$T/b.contents" || fail "$1: contents"
	[ ! -e "$S/staging" ] || fail "$1: something is left"
}
asked() { curl -sf -m 20 "$U/log"; } # a line for each request
requests() { asked | wc -l; }
sent() { asked | awk '{ n += $4 } END { print n + 0 }'; }
forget() { asked >"$T/before" && : >"$T/server/log"; }

serve
begin
update apply --plan --json "$U/good/web.contents" >"$T/plan"
jq -e '.fetch < 2300000 and .bytes > 5000000' "$T/plan" >/dev/null ||
	fail "the plan does not know what is to be fetched"
[ ! -e "$S/staging" ] || fail "a plan stages"
forget
update apply "$U/good/web.contents"
applied "with the pack for it"
[ "$(requests)" -le 6 ] || fail "$(requests) requests"
[ "$(sent)" -lt 2320000 ] || fail "$(sent) bytes"
asked | grep "web.pack" >/dev/null && fail "both packs were asked for"

# Nothing changed: one small request, with any server.
forget
update apply "$U/good/web.contents"
[ "$(requests)" = 1 ] || fail "$(requests) requests for nothing"
[ "$(sent)" -lt 1000 ] || fail "$(sent) bytes for nothing"
update apply "$U/plain/web.contents"

for manner in plain redirect busy; do
	begin
	update apply "$U/$manner/web.contents"
	applied "$manner"
done

# From a slot that the pack is not for, and from none: the one for anyone.
begin
echo another >"$T/a/etc/another"
image-update --image-version 1 --name web --sign "$T/key" describe "$T/a" \
	>"$T/a.contents"
update apply "$T/a"
forget
update apply "$U/good/web.contents"
applied "with the pack for anyone"
[ "$(sent)" -lt 8600000 ] || fail "the pack for anyone: $(sent) bytes"
rm "$T/a/etc/another"
image-update --image-version 1 --name web --sign "$T/key" describe "$T/a" \
	>"$T/a.contents"
rm -rf "$S"
update apply "$U/good/web.contents"
applied "into no slot"

# No packs: the archive; and the archive by its own name, as file: and path.
begin
update apply "$U/none/web.contents"
applied "an archive"
begin
update apply "$U/good/web.tar.gz"
applied "an archive by name"
rm -rf "$S"
update apply "file://$T/www/web.contents"
[ -e "$S/current/usr/new" ] || fail "file:"

# A disk by its own name, fetched whole into the staging tree first.
truncate -s 32M "$T/www/web.raw"
mkfs.ext4 -q -F -d "$T/b" "$T/www/web.raw"
begin
update apply --plan --json "$U/good/web.raw" | jq -e '.fetch == 33554432' \
	>/dev/null || fail "the plan does not know the size of a disk"
update apply "$U/good/web.raw"
applied "a disk"
[ ! -e "$S/current/.part.image" ] || fail "a disk is left in the slot"
rm "$T/www/web.raw"

# What is not right is told, and the slot stays.
refused() { # MANNER WORDS
	begin
	update apply "$U/$1/web.contents" 2>"$T/err" && fail "$1: not refused"
	grep -qE "$2" "$T/err" || { cat "$T/err"; fail "$1: not $2"; }
	[ -e "$S/current/opt/old" ] || fail "$1: the slot is another"
}
refused gzip "in an encoding not asked for"
refused shift "not the range asked for"
refused long "not the range asked for|more bytes than"
refused endless "has no end|no list"
refused other "replaced while|damaged|no list|are not the root"
stop

# Cut again and again: each goes on where it was, and costs next to nothing.
serve CUT=200000
begin
update apply "$U/good/web.contents"
applied "uncut"
once=$(sent)
begin
update apply "$U/cut/web.contents"
applied "with cuts"
[ "$(requests)" -ge 8 ] || fail "only $(requests) requests: no cuts"
[ "$(sent)" -lt $((once + once / 20)) ] || fail "cuts: $(sent) of $once bytes"
begin
update apply "$U/cut/web.tar.gz"
applied "an archive with cuts"
stop

# Killed while it fetches: the next one keeps what is there.
serve CUT=400000 RATE=2000000
begin
image-update -q --slots "$S" --key "$T/pub" apply "$U/slow/web.contents" &
pid=$!
i=0
while [ ! -e "$S/staging/usr/lib/large" ] ||
	! find "$S/staging" -name ".part.*" | grep -q .; do
	i=$((i + 1))
	[ "$i" -lt 500 ] || fail "nothing is staged"
	kill -0 "$pid" 2>/dev/null || fail "it ended before it could be killed"
	sleep 0.05
done
kill -9 "$pid" 2>/dev/null || :
wait "$pid" 2>/dev/null || :
[ -n "$(find "$S/staging" -name ".part.*")" ] || fail "nothing was left"
stop
serve
forget
update apply "$U/good/web.contents"
applied "after a kill"
[ "$(sent)" -lt $((once * 3 / 5)) ] || fail "after a kill $(sent) of $once bytes were fetched"
stop

# The server is gone: not now, try again; what was fetched stays.
serve
begin
stop
status=0
update apply "$U/good/web.contents" 2>"$T/err" || status=$?
[ "$status" = 75 ] || fail "status $status without a server"

# A bit anywhere in the packs: never chosen unless right, and then mended from
# the next that has it.
bits=$(($(stat -c %s "$T/www/web.from-$id.pack") * 8))
for i in 1 2 3; do
	serve FLIP=$((i * 7919 * 8191 % bits))
	begin
	if update apply "$U/flip/web.contents" 2>"$T/err"; then
		applied "flipped"
	else
		[ -e "$S/current/opt/old" ] || fail "flipped: another slot"
	fi
	stop
done
exit 0
