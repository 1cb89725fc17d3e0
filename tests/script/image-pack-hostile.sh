#!/bin/sh
# Trees and places that are too much for a disk: one clear error or a whole
# image, and nothing left of what was begun.
set -eu
. tests/lib.sh
need_root
scratch
mkdir "$T/out" "$T/small"
trap 'umount "$T/small" 2>/dev/null; rm -rf "$T"' EXIT
mount -t tmpfs -o size=60M none "$T/small" || skip "nothing can be mounted"

pack() { image-build pack -q "$@" >"$T/said" 2>"$T/err"; }

# refused WHAT WORDS...: the last run failed, said so in one line, left nothing
refused() {
	[ "$(wc -l <"$T/err")" = 1 ] || fail "$1: $(cat "$T/err")"
	has "$2" "$T/err"
	[ -z "$(ls -A "$3")" ] || fail "$1: left: $(ls -A "$3")"
}

# Names for one file: ext4 has room for 65,000; folders that go deep.
mkdir "$T/small/tree" "$T/deep"
python3 - "$T/small/tree" "$T/deep" <<'EOF'
import os
import sys

os.chdir(sys.argv[1])
with open('file', 'w') as f:
    f.write('one\n')
for n in range(65000):
    os.link('file', 'name%d' % n)
os.chdir(sys.argv[2])
for n in range(18):
    os.mkdir('%02d%s' % (n, 'd' * 253))
    os.chdir('%02d%s' % (n, 'd' * 253))
with open('file', 'w') as f:
    f.write('deep\n')
EOF
pack -f raw -o "$T/out/many" "$T/small/tree" && fail "65001 names were taken"
refused names "more than 65000 names for one file" "$T/out"
rm "$T/small/tree/name1"
pack -f raw -o "$T/out/many" "$T/small/tree" || fail "65000: $(cat "$T/err")"
e2fsck -fn "$T/out/many.raw" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
debugfs -R 'stat file' "$T/out/many.raw" 2>/dev/null >"$T/stat"
has "Links: 65000 " "$T/stat"
rm -r "$T/small/tree"

pack -f raw,tar -o "$T/out/deep" "$T/deep" || fail "deep: $(cat "$T/err")"
e2fsck -fn "$T/out/deep.raw" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
tar -tf "$T/out/deep.tar" | awk '{ print length($0) }' | sort -n |
	tail -1 >"$T/longest"
[ "$(cat "$T/longest")" = 4614 ] || fail "the longest path: $(cat "$T/longest")"

# A file of 100 GB that holds five bytes.
mkdir "$T/sparse"
truncate -s 100G "$T/sparse/big"
printf 'end\n' >>"$T/sparse/big"
pack -f raw,qcow2,tar -o "$T/out/sparse" "$T/sparse" ||
	fail "sparse: $(cat "$T/err")"
[ "$(du -cm "$T"/out/sparse.* | tail -1 | cut -f1)" -lt 10 ] ||
	fail "sparse: $(du -m "$T"/out/sparse.*)"
e2fsck -fn "$T/out/sparse.raw" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
debugfs -R 'stat big' "$T/out/sparse.raw" 2>/dev/null >"$T/stat"
has "Size: 107374182404" "$T/stat"
tar -tvf "$T/out/sparse.tar" >"$T/list"
has 107374182404 "$T/list"
rm -f "$T"/out/*

# The place for the images is full in the middle of it.
mkdir "$T/tree"
head -c 80000000 /dev/urandom >"$T/tree/noise"
for format in raw qcow2 tar tar.zst squashfs vmdk oci; do
	pack -f $format -o "$T/small/full" "$T/tree" &&
		fail "$format: 80 MB went into 60"
	refused "full, $format" "o space left on device" "$T/small"
done

# Ended in the middle of it: nothing is left; killed: until the next run.
for signal in TERM KILL; do
	for after in 0.1 0.3 0.7 1.1; do
		image-build pack -q -f raw,qcow2,tar -o "$T/out/ended" "$T/tree" \
			>/dev/null 2>&1 &
		sleep $after
		kill -$signal $! 2>/dev/null || :
		wait $! 2>/dev/null || :
	done
	for _ in $(seq 100); do # its children end a little later than it
		[ $signal = TERM ] ||
			pack -f tar -o "$T/out/ended" "$T/deep" ||
			fail "after $signal: $(cat "$T/err")"
		find "$T/out" -name '.*' >"$T/left"
		[ -s "$T/left" ] || break
		[ $signal = KILL ] || break
		sleep 0.1
	done
	[ ! -s "$T/left" ] || fail "after $signal: $(cat "$T/left")"
done
