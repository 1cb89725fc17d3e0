#!/bin/sh
# Images follow one another in slots: staged, verified, chosen, taken back.
# What is not what was signed is never chosen, and the old slot stays.
set -eu
. tests/lib.sh
need_root
scratch
S=$T/slots
umask 022
openssl genpkey -algorithm ed25519 -out "$T/key"
openssl pkey -in "$T/key" -pubout -out "$T/pub"
openssl genpkey -algorithm ed25519 -out "$T/other"

update() { image-update -q --slots "$S" --key "$T/pub" "$@"; }
describe() { # TREE VERSION [OPTION...]
	tree=$1 number=$2
	shift 2
	image-update describe "$tree" --image-version "$number" \
		--sign "$T/key" "$@" >"$tree.contents"
}
is_linked() { # NAME in etc, NAME in bin
	[ "$(stat -c %i "$S/current/etc/$1")" = "$(stat -c %i "$S/current/bin/$2")" ]
}
refused() { # WORDS ARGUMENT...
	words=$1
	shift
	before=$(readlink "$S/current")
	update "$@" 2>"$T/err" && fail "not refused: $words"
	has "$words" "$T/err"
	[ "$(readlink "$S/current")" = "$before" ] || fail "$words: it was chosen"
	[ ! -e "$S/staging" ] || fail "$words: something is left"
}

# Two images: most is the same, one file changes with equal size and time.
mkdir -p "$T/a/etc" "$T/a/usr/lib/ingot" "$T/a/bin"
echo same >"$T/a/etc/same"
echo 1111 >"$T/a/etc/change"
echo gone >"$T/a/etc/gone"
ln "$T/a/etc/same" "$T/a/bin/link"
ln -s ../etc/same "$T/a/bin/sym"
mkfifo "$T/a/bin/fifo"
mknod "$T/a/bin/null" c 1 3
setfattr -n user.colour -v "green, dark" "$T/a/etc/same"
chown 12:34 "$T/a/etc/same"
chmod 4711 "$T/a/etc/change"
cp -a "$T/a" "$T/b"
touch -r "$T/a/etc/change" "$T/stamp"
echo 2222 >"$T/b/etc/change"
touch -r "$T/stamp" "$T/b/etc/change"
rm "$T/b/etc/gone"
mkdir "$T/b/new"
echo new >"$T/b/new/file"
chmod 700 "$T/b/bin"
describe "$T/a" 1
describe "$T/b" 2

# A plan changes nothing and says all.
update apply --plan "$T/a" >"$T/plan"
has "etc/change" "$T/plan"
[ ! -e "$S" ] || fail "a plan made the folder"

update apply "$T/a"
[ "$(cat "$S/current/etc/change")" = 1111 ] || fail "a is not current"
update apply --plan "$T/b" >"$T/plan"
for line in "changed    etc/change" "removed    etc/gone" \
	"added      new/file" "attributes bin" \
	"2 added, 1 removed, 1 changed, 1 with other attributes; 9 bytes"; do
	has "$line" "$T/plan"
done
update apply --plan --json "$T/b" | jq -e '.bytes == 9 and .version == 2 and
	(.paths | length) == 5' >/dev/null || fail "the plan as JSON"

update apply "$T/b"
[ "$(cat "$S/current/etc/change")" = 2222 ] || fail "b is not current"
[ "$(cat "$S/previous/etc/change")" = 1111 ] || fail "a is not previous"
tests/tree-list "$T/b" | grep -v "usr/lib/ingot" >"$T/want"
tests/tree-list "$S/current/." | grep -v "usr/lib/ingot" >"$T/got"
cut -d' ' -f1-4 "$T/want" >"$T/want.cut"
cut -d' ' -f1-4 "$T/got" >"$T/got.cut"
diff -u "$T/want.cut" "$T/got.cut" || fail "the slot is not the image"
cmp "$T/b.contents" "$S/current/usr/lib/ingot/contents"
getfattr -n user.colour "$S/current/etc/same" 2>/dev/null |
	grep -q 'green, dark' || fail "an attribute is lost"
[ "$(stat -c %i "$S/current/etc/same")" = "$(stat -c %i "$S/previous/etc/same")" ] ||
	fail "what did not change is not shared"
[ "$(stat -c %i "$S/current/etc/same")" = "$(stat -c %i "$S/current/bin/link")" ] ||
	fail "a hard link is lost"

update status --json | jq -e '.current.version == 2 and .previous.version == 1
	and .update == null' >/dev/null || fail "status"
update rollback
[ "$(cat "$S/current/etc/change")" = 1111 ] || fail "not rolled back"
update history --json | jq -e 'map(.state) ==
	["SWITCHED", "SWITCHED", "ROLLEDBACK"]' >/dev/null || fail "history"
update apply "$T/b"

# What is refused, and leaves everything as it is.
refused "is older than the current 2" apply "$T/a"
describe "$T/b" 3 --expires 1000
refused "it has expired" apply "$T/b"
describe "$T/b" 3 --sign "$T/other"
refused "the signature was not made with" apply "$T/b"
image-update describe "$T/b" --image-version 3 >"$T/b.contents"
refused "are not signed" apply "$T/b"
image-update -q --slots "$S" apply "$T/b" 2>"$T/err" && fail "trusted without a key"
has "no key" "$T/err"
echo 3333 >"$T/b/etc/change"
describe "$T/b" 3
echo 3334 >"$T/b/etc/change"
refused "etc/change: its bytes are not what the contents say" apply "$T/b"
update history --json | jq -e '.[-1] | .state == "FAILED" and
	(.error | contains("etc/change"))' >/dev/null || fail "no failure is noted"

# An archive; of what it shares with the current slot nothing is kept twice.
cp -a "$S/current/." "$T/c"
echo 4444 >"$T/c/etc/more"
describe "$T/c" 4
tar -C "$T/c" --xattrs -czf "$T/c.tar.gz" .
update apply "$T/c.tar.gz"
[ "$(cat "$S/current/etc/more")" = 4444 ] || fail "the archive is not current"
[ "$(stat -c %i "$S/current/etc/change")" = "$(stat -c %i "$S/previous/etc/change")" ] ||
	fail "an archive's files are not shared"
# Two slots stay: one to use and one to go back to.
[ "$(find "$S" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 2 ] || fail "old slots stay"
echo more >"$T/c/etc/surplus"
echo 5555 >"$T/c/etc/last"
tar -C "$T/c" --xattrs -cf "$T/d.tar" .
rm "$T/c/etc/surplus"
describe "$T/c" 5
update --contents "$T/c.contents" apply "$T/d.tar"
[ ! -e "$S/current/etc/surplus" ] || fail "what is not signed came along"
[ "$(cat "$S/current/etc/last")" = 5555 ] || fail "not from the archive"

# A file system in a file, unpacked by its own program.
head -c 3000000 /dev/urandom >"$T/c/etc/large"
truncate -s 5000000 "$T/c/etc/holes"
echo end >>"$T/c/etc/holes"
ln "$T/c/etc/large" "$T/c/bin/another"
for kind in squashfs erofs; do
	echo "$kind" >"$T/c/etc/last"
	printf '%s' "$kind" >>"$T/c/etc/large"
	describe "$T/c" 5
	case $kind in
	squashfs) mksquashfs "$T/c" "$T/c.squashfs" -quiet -no-progress >/dev/null ;;
	erofs) mkfs.erofs "$T/c.erofs" "$T/c" >/dev/null 2>&1 ;;
	esac
	update apply "$T/c.$kind"
	[ "$(cat "$S/current/etc/last")" = "$kind" ] || fail "not from $kind"
	is_linked large another || fail "$kind: a link"
	[ ! -e "$S/current/.part.new" ] || fail "$kind: something is left"
done
printf 'hsqs%02000d' 0 >"$T/c.squashfs"
echo other >"$T/c/etc/last"
describe "$T/c" 5
refused "c.squashfs" apply "$T/c.squashfs"

# A disk, as it is or as qcow2, with a partition table or one file system
# alone: of ext4 the files that are wanted are read.
disk() { # FILE LINE... of sfdisk, or none: the file system alone
	file=$1
	shift
	rm -f "$file"
	truncate -s 24M "$file"
	[ $# -eq 0 ] || printf '%s\n' "$@" | sfdisk -q "$file"
	mkfs.ext4 -q -F -d "$T/c" -E "offset=$(($# > 0 ? 1048576 : 0))" "$file" \
		$(($# > 0 ? 20480 : 24576))
}
for kind in raw gpt.raw mbr.img zlib.qcow2 zstd.qcow2; do
	echo "$kind" >"$T/c/etc/last"
	printf '%s' "$kind" >>"$T/c/etc/large"
	describe "$T/c" 5
	cp "$T/c.contents" "$T/c.${kind%.*}.contents"
	case $kind in
	raw) disk "$T/c.$kind" ;;
	mbr.img) disk "$T/c.$kind" "label: dos" "start=2048, type=83" ;;
	*) disk "$T/c.$kind" "label: gpt" "start=2048, type=L, name=root" ;;
	esac
	case $kind in
	*.qcow2)
		[ -n "$(command -v qemu-img)" ] || continue
		qemu-img convert -c -O qcow2 -o "compression_type=${kind%.*}" \
			"$T/c.$kind" "$T/c.packed"
		mv "$T/c.packed" "$T/c.$kind"
		;;
	esac
	update apply "$T/c.$kind"
	[ "$(cat "$S/current/etc/last")" = "$kind" ] || fail "not from $kind"
	for file in large holes; do
		cmp "$T/c/etc/$file" "$S/current/etc/$file" || fail "$kind: $file"
	done
	is_linked large another || fail "$kind: a link"
	[ ! -e "$S/current/.part.new" ] || fail "$kind: something is left"
done
echo other >"$T/c/etc/last"
describe "$T/c" 5
cp "$T/c.contents" "$T/c.gpt.contents"
refused "etc/last" apply "$T/c.gpt.raw"
truncate -s 8M "$T/c.gpt.raw"
refused "c.gpt.raw" apply "$T/c.gpt.raw"

# The form of the machine's data: an image has to know it, or be forced.
mkdir -p "$T/c/usr/lib/ingot"
echo "2 3" >"$T/c/usr/lib/ingot/state"
describe "$T/c" 6
update apply "$T/c" # nothing is said of the data
echo 3 >"$S/schema"
echo more >"$T/c/etc/last"
describe "$T/c" 7
update apply --plan "$T/c" >"$T/plan"
has "state: the image works with data of the forms 2 to 3, the machine's have form 3" "$T/plan"
update apply --plan --json "$T/c" | jq -e '.conflicts == [] and
	.state == {"machine": 3, "oldest": 2, "newest": 3}' >/dev/null || fail "JSON"
update apply "$T/c"
update status >"$T/out"
has "form 3" "$T/out"
echo 4 >"$S/schema"
refused "works with data of the forms 2 to 3, the machine's have form 4" rollback
echo 1 >"$T/c/etc/last"
describe "$T/c" 8
refused "works with data of the forms 2 to 3, the machine's have form 4" apply "$T/c"
refused "the machine's have form 4" apply --plan "$T/c"
echo none >"$S/schema"
refused "schema: the form of the machine's data is no number" apply "$T/c"
echo 4 >"$S/schema"
update rollback --other-state
update apply --other-state "$T/c"
[ "$(cat "$S/current/etc/last")" = 1 ] || fail "not forced"
rm "$S/schema"

# A tree is compared with its contents alone.
update verify "$T/c"
update verify --attributes "$T/c"
echo 2 >"$T/c/etc/last"
update verify --attributes "$T/c"
update verify "$T/c" 2>"$T/err" && fail "verified what is not right"
has "etc/last: has another content" "$T/err"
chmod 600 "$T/c/etc/last"
update verify --attributes "$T/c" 2>"$T/err" && fail "verified another mode"
has "etc/last: has another owner, mode or attribute" "$T/err"

# Somebody has removed the slot to go back to: that is told, and the next
# image mends it.
mv "$S/$(readlink "$S/previous")" "$T/removed"
update status --json 2>/dev/null | jq -e '.current.version == 8 and
	.previous == null' >/dev/null || fail "status without a slot to go back to"
refused "there is no slot to go back to" rollback
describe "$T/c" 9
update apply "$T/c" 2>/dev/null || fail "no way on without a slot to go back to"
update rollback

# What is there already is not brought again.
update apply --plan --json "$T/c" | jq -e '.bytes == 0 and .fetch == 0 and
	(.paths | length) > 0' >/dev/null || fail "the plan of what is there"

# Who asks for a plan does not get the deed; misuse has its own status.
misused() { # WORDS ARGUMENT...
	words=$1 status=0
	shift
	before=$(readlink "$S/current")
	update "$@" >"$T/out" 2>"$T/err" || status=$?
	[ "$status" = 2 ] || fail "$*: status $status"
	has "$words" "$T/err"
	[ "$(readlink "$S/current")" = "$before" ] || fail "$*: it was done"
}
misused "--plan is for apply alone" --plan rollback
misused "--image-version: -1 is no number" --image-version -1 apply "$T/c"
misused "--expires: soon is no number" --expires soon describe "$T/c"
update status >/dev/full 2>"$T/err" && fail "nobody got the status"
has "standard output: No space left on device" "$T/err"

# A slot that rots is not gone back to.
echo rotten >"$S/previous/new/file"
refused "new/file" rollback

# A current slot that rots does not keep the machine from the next image,
# and is not written to.
cp -a "$T/c" "$T/next"
echo next >"$T/next/etc/last"
describe "$T/next" 10
rot=$(readlink "$S/current")
echo rotten >"$S/current/etc/same"
chmod 644 "$S/current/etc/change"
image-update --slots "$S" --key "$T/pub" apply "$T/next" 2>"$T/err" ||
	fail "kept on a damaged slot: $(cat "$T/err")"
has "the current slot is damaged" "$T/err"
is_linked same link || fail "no hard link any more"
[ "$(cat "$S/current/etc/same" "$S/$rot/etc/same" | tr '\n' ' ')" = "same rotten " ] ||
	fail "what was brought anew"
image-update --unsigned --contents "$T/next.contents" verify "$S/current"
refused ": has another content" rollback

# Only one at a time.
mkdir -p "$T/none"
flock "$S/lock" image-update -q --slots "$S" rollback 2>"$T/err" && fail "two at once"
image-update frobnicate 2>/dev/null && fail "a verb that is none"

# A pack is of the trees that the contents tell of, or there is none.
cp -a "$T/c" "$T/moved"
describe "$T/moved" 3
echo moved >>"$T/moved/etc/last"
image-update -q -o "$T/pack" pack "$T/moved" 2>"$T/err" && fail "a pack of other bytes"
has "$T/moved: etc/last: has another content" "$T/err"
image-update -q --from "$T/moved" -o "$T/pack" pack "$T/c" 2>"$T/err" &&
	fail "a pack from other bytes"
[ ! -e "$T/pack" ] || fail "it was written"

# A pipe is no source, and is not waited for.
mkfifo "$T/pipe.contents"
timeout 60 image-update -q --unsigned --slots "$T/odds" apply "$T/pipe.contents" \
	2>"$T/err" && fail "a pipe was taken"
has "pipe.contents: Illegal seek" "$T/err"

# What others call things cannot steer a terminal, nor begin a line.
mkdir "$T/odd"
touch "$T/odd/$(printf 'a\nadded      b\033[31m')"
image-update describe --name "$(printf 'x\033[31mx\ncurrent   y')" "$T/odd" >"$T/odd.contents"
odd() { image-update -q --unsigned --slots "$T/odds" "$@"; }
odd --plan apply "$T/odd" >"$T/out"
odd apply "$T/odd"
odd status >>"$T/out"
odd history >>"$T/out"
[ "$(wc -l <"$T/out")" = 6 ] || fail "lines: $(cat -v "$T/out")"
LC_ALL=C grep "$(printf '\033')" "$T/out" && fail "an escape sequence"

# The folder of slots hands nothing down to what is in them.
mkdir "$T/lists"
setfacl -d -m u:12:rwx "$T/lists"
image-update -q --slots "$T/lists" --key "$T/pub" apply "$T/c" ||
	fail "an access control list of the folder"

# Contents that nobody could read are not written; a folder has its own name.
image-update describe --name "" "$T/c" 2>"$T/err" && fail "an image without a name"
has "$T/c: its contents:2: no name" "$T/err"
image-update describe "$T/c/" >"$T/out"
has "name c" "$T/out"
cp -a "$T/c" "$T/web.target"
describe "$T/web.target" 1
update verify "$T/web.target"

# A disk that is damaged: what is wrong is told in words.
truncate -s 8M "$T/c.raw"
mkfs.ext4 -q -d "$T/c" "$T/c.raw"
block=$(dumpe2fs "$T/c.raw" 2>/dev/null |
	sed -n 's/.*Inode table at \([0-9]*\).*/\1/p' | head -1)
size=$(dumpe2fs -h "$T/c.raw" 2>/dev/null | sed -n 's/^Block size: *//p')
printf broken | dd of="$T/c.raw" bs=1 seek=$((block * size + 256)) conv=notrunc 2>/dev/null
rm -rf "$T/none"
image-update -q --unsigned --slots "$T/none" apply "$T/c.raw" 2>"$T/err" && fail "a damaged disk"
has "checksum does not match" "$T/err"

# What was fetched before a cut needs no room again.
mkdir -p "$T/d/usr" "$T/small"
head -c 3000000 /dev/urandom >"$T/d/usr/one"
head -c 3000000 /dev/urandom >"$T/d/usr/two"
describe "$T/d" 1
mount -t tmpfs -o size=8m none "$T/small" || skip "needs to mount"
trap 'umount "$T/small"; rm -rf "$T"' EXIT
mkdir -p "$T/small/s/staging/usr"
cp -p "$T/d/usr/one" "$T/small/s/staging/usr/one"
image-update -q --slots "$T/small/s" --key "$T/pub" apply --plan "$T/d" >"$T/plan"
image-update -q --slots "$T/small/s" --key "$T/pub" apply "$T/d"
cmp "$T/d/usr/one" "$T/small/s/current/usr/one"
exit 0
