#!/bin/sh
# No step runs twice: which steps run after which change, and why; and what is
# delivered is what a build without snapshots delivers.
set -eu
. tests/lib.sh
need_root
scratch

el=$T/elements
element_script one extra-data 10-one <<'EOF'
cp "$(dirname "$0")/../one-data" "$TMP_HOOKS_PATH/made-by-one"
cat "$HOSTFILE" >"$TARGET_ROOT/etc/from-host"
EOF
echo data >"$T/data"
mkdir -p "$el/one"
echo first >"$el/one/one-data"
echo nobody reads this >"$el/one/README.md"
# Of nobody else's test on this machine.
seconds=$((3000000 + $$))
element_script one install 20-one <<EOF
sleep $seconds &
EOF
cat >>"$el/one/install.d/20-one" <<'EOF'
cat "$(dirname "$0")/../made-by-one" >/etc/one
rm /etc/passwd
ln /etc/one /etc/one-more
echo "${TASTE:-none}" >/etc/taste
EOF
element_script two install 30-two <<'EOF'
cat /etc/one >/etc/two
mkdir -p /mnt/bound
EOF
element_script two pre-install 30-mount <<'EOF'
mkdir -p /mnt/from /mnt/bound
mount -t tmpfs none /mnt/bound
EOF
element_script two post-install 40-two <<'EOF'
mount | grep -q ' /mnt/bound ' || exit 7
echo two >>/etc/two
EOF
element_script two finalise 40-two <<'EOF'
grep /mnt/bound /proc/mounts && exit 8
echo finalised >/etc/finalised
EOF
element_script two cleanup 90-list <<'EOF'
rm -f "$TARGET_ROOT/etc/taste.bak"
EOF

export ELEMENTS_PATH="$el:$PWD/tests/elements" HOSTFILE="$T/data" TMP_DIR="$T/tmp"
mkdir "$T/tmp"
build() { # log, options...: the steps that ran are in $T/ran
	log=$1
	shift
	timeout 120 image-build --why --image-cache "$T/cache" -o "$T/image" -t raw \
	    --image-size 0.1 -n "$@" tiny-os one two >"$T/out" 2>"$T/$log" || {
		cat "$T/$log" >&2
		fail "$log: the build failed"
	}
	sed -n 's/^image-build: \([^ ]*\) runs: \(.*\)/\1: \2/p' "$T/$log" >"$T/ran"
	[ "$(cat "$T/out")" = "$T/image.raw" ] || fail "$log: $(cat "$T/out")"
}
ran() { # log, expected lines
	printf '%s\n' "$2" | sed '/^$/d' >"$T/expected"
	diff -u "$T/expected" "$T/ran" || fail "$1: other steps ran"
}
inside() { debugfs -R "cat $1" "$T/image.raw" 2>/dev/null; }

build first
has 'root.d/10-tiny-os: it has not run here before' "$T/ran"
[ "$(wc -l <"$T/ran")" -eq 8 ] || fail "not all ran at first: $(cat "$T/ran")"
[ "$(inside etc/two)" = "$(printf 'first\ntwo')" ] || fail "two: $(inside etc/two)"
[ -z "$(pgrep -f "sleep $seconds")" ] || fail "a daemon outlived its step"
before=$(stat -c '%i %Z' "$T/image.raw")

build same
ran same ''
has 'nothing changed' "$T/same"
[ "$(stat -c '%i %Z' "$T/image.raw")" = "$before" ] || fail "it was made again"

# The path is told as it was given.
(cd "$T" && image-build -q --image-cache "$T/cache" -o image -t raw \
	--image-size 0.1 -n tiny-os one two >told1 2>&1 &&
	image-build --image-cache "$T/cache" -o image -t raw \
		--image-size 0.1 -n tiny-os one two >told2 2>same)
has 'nothing changed' "$T/same"
[ "$(cat "$T/told1" "$T/told2")" = "$(printf 'image.raw\nimage.raw')" ] ||
	fail "told: $(cat "$T/told1" "$T/told2")"

# ---- what stands beside the image counts like the image
openssl genpkey -algorithm ed25519 -out "$T/key" 2>/dev/null
build signed --checksum --sign "$T/key"
grep -q 'nothing changed' "$T/signed" && fail "a signature is something new"
build again --checksum --sign "$T/key"
has 'nothing changed' "$T/again"
[ "$(cat "$T/out")" = "$T/image.raw" ] || fail "paths: $(cat "$T/out")"
for f in raw.sha256 manifest.json.sig spdx.json; do
	rm "$T/image.$f"
	build again --checksum --sign "$T/key"
	[ -s "$T/image.$f" ] || fail "$f is not made again"
done

echo still nobody >"$el/one/README.md"
build unread
ran unread ''

echo '# changed' >>"$el/two/finalise.d/40-two"
build last
ran last 'finalise.d/40-two: its script changed
cleanup.d/90-list: 40-two before it ran'

# A variable that only one script may want is one that all may want.
TASTE=sweet build variable
has 'extra-data.d/10-one: ' "$T/ran"
has 'the variable TASTE is new' "$T/ran"
[ "$(inside etc/taste)" = sweet ] || fail "taste: $(inside etc/taste)"
build back
ran back ''
[ "$(inside etc/taste)" = none ] || fail "taste: $(inside etc/taste)"

# What a host script read, on the host and in the hooks tree.
echo other >"$T/data"
build host
has "extra-data.d/10-one: the file $T/data changed" "$T/ran"
[ "$(inside etc/from-host)" = other ] || fail "from-host: $(inside etc/from-host)"
echo second >"$el/one/one-data"
build hooks
has 'extra-data.d/10-one: the file one-data changed' "$T/ran"
[ "$(inside etc/one)" = second ] || fail "one: $(inside etc/one)"
[ "$(inside etc/one-more)" = second ] || fail "one-more: $(inside etc/one-more)"

# The mount that a snapshot's step made is there for a step that runs.
echo '# changed' >>"$el/two/post-install.d/40-two"
build mounts
has 'post-install.d/40-two: its script changed' "$T/ran"
[ "$(wc -l <"$T/ran")" -eq 3 ] || fail "others ran: $(cat "$T/ran")"

# The same, without any snapshot; and without what is known of files' bytes.
cp "$T/image.raw" "$T/with.raw"
sed '1,/^$/d' "$T/image.contents" >"$T/with.contents"
[ "$(grep -c ' f ' "$T/with.contents")" -gt 10 ] || fail "no list of contents"
build without --no-cache
sed '1,/^$/d' "$T/image.contents" | diff "$T/with.contents" - ||
	fail "other contents without snapshots"
ran without ''
has 'phase install: 2 steps' "$T/without"
for f in etc/one etc/one-more etc/two etc/taste etc/finalised etc/from-host etc/fstab; do
	[ "$(inside $f)" = "$(debugfs -R "cat $f" "$T/with.raw" 2>/dev/null)" ] ||
	    fail "$f differs without snapshots"
done
[ -z "$(inside etc/passwd)" ] || fail "etc/passwd is back"

# What somebody damaged is not used.
rm -f "$T/image.raw"
damage() {
	find "$T/cache/snapshots/steps" -path "*/diff/mnt/$1" | while read -r f; do
		echo damaged >>"$f"
	done
}
damage etc/two
build damaged
has 'its snapshot was damaged' "$T/ran"
[ "$(inside etc/two)" = "$(printf 'second\ntwo')" ] || fail "damage got in: $(inside etc/two)"

# The damaged ones that this build had no use for are found, then all is well.
verify() { image-build cache --image-cache "$T/cache" verify >"$T/verify" 2>&1; }
verify && fail "a damaged cache is called sound"
has 'damaged and are gone' "$T/verify"
verify || {
	cat "$T/verify"
	fail "a sound cache is called damaged"
}
image-build cache --image-cache "$T/cache" ls >"$T/ls"
has 'install.d/20-one (one)' "$T/ls"
image-build cache --image-cache "$T/cache" gc --limit 0 >"$T/gc"
has 'snapshots taken away' "$T/gc"
image-build cache --image-cache "$T/cache" ls >"$T/ls"
has '0 snapshots, 0.0 MiB' "$T/ls"
rm -f "$T/image.raw"
build again
[ "$(wc -l <"$T/ran")" -eq 8 ] || fail "not all ran again: $(cat "$T/ran")"

# A step that writes to the host does so in every build.
element_script two extra-data 50-outside <<'EOF'
echo ran >>"$OUTSIDE"
EOF
mkdir "$T/out.d"
OUTSIDE="$T/out.d/file"
export OUTSIDE
build outside1
build outside2
has "it writes to $T/out.d/file, outside the image" "$T/ran"
[ "$(wc -l <"$OUTSIDE")" -eq 2 ] || fail "ran $(wc -l <"$OUTSIDE") times"

# Two at once, with the same cache.
for n in 1 2; do
	TASTE=$n image-build --image-cache "$T/cache" -o "$T/both$n" -t raw \
	    --image-size 0.1 -n tiny-os one two >"$T/both$n.log" 2>&1 &
	eval "pid$n=$!"
done
for n in 1 2; do
	eval "wait \$pid$n" || {
		cat "$T/both$n.log"
		fail "of two at once the ${n}. failed"
	}
	[ "$(debugfs -R 'cat etc/taste' "$T/both$n.raw" 2>/dev/null)" = "$n" ] || fail "they mixed"
done
[ -z "$(ls -A "$T/tmp")" ] || fail "left in TMP_DIR: $(ls -A "$T/tmp")"
[ -z "$(ls -A "$T/cache/snapshots/tmp")" ] || fail "left in the cache"
