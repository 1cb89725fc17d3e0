#!/bin/sh
# The same image by each of the means: root, an ordinary user in a user
# namespace, and root in a container that may not mount.
set -eu
. tests/lib.sh
need_root
scratch
chmod 755 "$T"

el=$T/elements/probe
mkdir -p "$el"
for p in root extra-data install post-root finalise cleanup; do
	mkdir -p "$el/$p.d"
	cat >"$el/$p.d/50-probe" <<'EOF'
#!/bin/bash
set -eu
here=${TARGET_ROOT:-}
[ -d /tmp/in_target.d ] && here=
echo "$(basename "$(dirname "$0")")" >>"$here/etc/phases"
: >/dev/null
EOF
	chmod 755 "$el/$p.d/50-probe"
done
cat >"$el/install.d/60-owner" <<'EOF'
#!/bin/bash
set -eu
mkdir -p /srv/deep
echo data >/srv/file
echo hook >/run/transient
EOF
# Of nobody else's test on this machine.
seconds=$((2000000 + $$))
echo "sleep $seconds &" >>"$el/install.d/60-owner"
chmod 755 "$el/install.d/60-owner"
cat >"$el/post-root.d/60-owner" <<'EOF'
#!/bin/bash
set -eu
chown 1234:4321 "$TARGET_ROOT/srv/file"
chmod 4750 "$TARGET_ROOT/srv/file"
EOF
chmod 755 "$el/post-root.d/60-owner"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements"

look() { # image: what is in it that matters
	debugfs -R 'cat etc/phases' "$1" 2>/dev/null
	debugfs -R 'stat srv/file' "$1" 2>/dev/null |
	    grep -oE 'Mode: +[0-9]+|User: +[0-9]+|Group: +[0-9]+'
	debugfs -R 'ls -p run' "$1" 2>/dev/null | cut -d/ -f6
	debugfs -R 'ls -p dev' "$1" 2>/dev/null | cut -d/ -f6
	e2fsck -fn "$1" >/dev/null 2>&1 || echo "not clean"
}
arguments="-t raw --image-size 0.1 -n tiny-os probe"

# shellcheck disable=SC2086
image-build --image-cache "$T/cache" -o "$T/root" $arguments >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "as root"
}
look "$T/root.raw" >"$T/as-root"
has '4321' "$T/as-root"
[ "$(head -n 6 "$T/as-root" | tr '\n' ' ')" = \
    "root.d extra-data.d install.d post-root.d finalise.d cleanup.d " ] ||
	fail "phases: $(cat "$T/as-root")"

# Root that may neither mount nor make user namespaces.
status=0
# shellcheck disable=SC2086
tests/helper/without-mounts image-build --image-cache "$T/cache2" -o "$T/chroot" \
    $arguments >"$T/log" 2>&1 || status=$?
if [ $status -eq 77 ]; then
	echo "not tried: a container that may not mount ($(tail -n 1 "$T/log"))"
else
	[ $status -eq 0 ] || {
		cat "$T/log"
		fail "in a container that may not mount: exit status $status"
	}
	has 'nothing can be mounted here' "$T/log"
	look "$T/chroot.raw" >"$T/as-chroot"
	diff -u "$T/as-root" "$T/as-chroot" || fail "chroot differs"
fi
[ -z "$(pgrep -f "sleep $seconds")" ] || fail "a daemon outlived its step"

# An ordinary user, with ids of its own, that only this namespace knows.
# It may not be allowed to look where the sources are.
mkdir -p "$T/home" "$T/src/build/bin"
cp -L "$(command -v image-build)" "$T/src/build/bin/"
cp -R image-build elements "$T/src/"
cp -R tests/elements/tiny-os "$T/elements/"
export ELEMENTS_PATH="$T/elements"
chown 54321:54321 "$T/home"
cp /etc/passwd /etc/group "$T/"
echo "tester:x:54321:54321::$T/home:/bin/sh" >>"$T/passwd"
echo "tester:x:54321:" >>"$T/group"
echo "tester:300000:65536" >"$T/subid"
cat >"$T/as-user.sh" <<'EOF'
set -eu
for f in passwd group; do mount --bind "$T/$f" /etc/$f; done
for f in subuid subgid; do
	[ -e /etc/$f ] || : >/etc/$f
	mount --bind "$T/subid" /etc/$f
done
cd "$T/home"
exec setpriv --reuid 54321 --regid 54321 --clear-groups \
    env HOME="$T/home" PATH="$PATH" "$@"
EOF
# shellcheck disable=SC2086
as_user() {
	env T="$T" PATH="$T/src/build/bin:$PATH" unshare -m sh "$T/as-user.sh" "$@"
}
if ! as_user unshare -U true 2>"$T/why"; then
	echo "not tried: an ordinary user ($(tail -n 1 "$T/why"))"
	exit 0
fi
for run in first again; do
	# shellcheck disable=SC2086
	as_user image-build --why -o "$T/home/user" $arguments >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "as an ordinary user, $run"
	}
done
has 'nothing changed' "$T/log"
[ "$(stat -c %u "$T/home/user.raw")" -eq 54321 ] || fail "whose is it"
look "$T/home/user.raw" >"$T/as-user"
diff -u "$T/as-root" "$T/as-user" || fail "the ordinary user's differs"
# A base made elsewhere has owners of all kinds, and device nodes.
mkdir "$T/base"
TARGET_ROOT=$T/base ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
chown 12:13 "$T/base/root"
mknod "$T/base/dev/null" c 1 3
tar -C "$T/base" -cf "$T/base.tar" .
DIB_LOCAL_IMAGE=$T/base.tar as_user image-build -n -t raw -o "$T/home/based" \
	tarball >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "a tarball as the base, as an ordinary user"
}
has "device nodes cannot be made here: the base's are left out" "$T/log"
debugfs -R 'stat /root' "$T/home/based.raw" >"$T/stat" 2>/dev/null
has 'User:    12   Group:    13' "$T/stat"
# Without a range of ids it says what to do.
: >"$T/subid"
# shellcheck disable=SC2086
as_user image-build -o "$T/home/none" $arguments >"$T/log" 2>&1 && fail "without ids"
has 'usermod --add-subuids' "$T/log"
