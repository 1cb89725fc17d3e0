#!/bin/sh
# Whatever kills a build: no process and no mount of it stays, the next build
# takes away its folders, and the cache is none the worse.
set -eu
. tests/lib.sh
need_root
scratch

el=$T/elements/slow
for p in root extra-data install post-install finalise cleanup; do
	mkdir -p "$el/$p.d"
	cat >"$el/$p.d/50-slow" <<'EOF'
#!/bin/bash
set -eu
sleep 0.2 &
sleep 0.1
mount -t tmpfs none /mnt 2>/dev/null || true
wait
EOF
	chmod 755 "$el/$p.d/50-slow"
done
cat >"$el/cleanup.d/60-wait" <<'EOF'
#!/bin/bash
[ -e "$QUICK" ] || sleep 30
EOF
chmod 755 "$el/cleanup.d/60-wait"
export QUICK="$T/quick"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp"
mkdir "$T/tmp"
build() {
	MARK="$T" exec image-build --image-cache "$T/cache" -o "$T/image" -t raw --image-size 0.1 \
	    -n tiny-os slow
}
# Processes of the build: their environment has the mark, but for a moment
# while they become another program.
ours() { grep -lzs "^MARK=$T\$" /proc/[0-9]*/environ || true; }
none_stay() {
	free=0
	for _ in $(seq 100); do
		seen=$(ours)
		free=$((free + 1))
		[ -z "$seen" ] || free=0
		[ $free -lt 3 ] || return 0
		sleep 0.05
	done
	fail "processes stay: $seen"
}

for after in 0.05 0.3 0.8 1.4 2.0 2.6; do
	for signal in KILL TERM; do
		build >"$T/log" 2>&1 &
		pid=$!
		sleep $after
		kill -$signal $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		none_stay
		! grep "$T" /proc/mounts || fail "mounts stay"
		rm -rf "$T/image.raw"
	done
	# Some of the steps are in snapshots now; make the next builds run them.
	rm -rf "$T/cache/snapshots/steps"
done
touch "$QUICK"
(build) >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "the build after all that failed"
}
[ -s "$T/image.raw" ] || fail "no image"
[ -z "$(ls -A "$T/tmp")" ] || fail "left in TMP_DIR: $(ls -A "$T/tmp")"
! ls -d "$T"/.image* 2>/dev/null || fail "left beside the image"
[ -z "$(ls -A "$T/cache/snapshots/tmp")" ] || fail "left in the cache"
image-build cache --image-cache "$T/cache" verify >"$T/verify" 2>&1 || {
	cat "$T/verify"
	fail "the cache is damaged"
}

# Folders of diskimage-builder's, which nobody locks, may be in use.
mkdir "$T/tmp/dib_build.abcdefgh"
(build) >"$T/log" 2>&1 || fail "beside another builder: $(cat "$T/log")"
[ -d "$T/tmp/dib_build.abcdefgh" ] || fail "another builder's folder is gone"
