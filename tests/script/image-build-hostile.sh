#!/bin/sh
# Scripts that mean harm or are broken: the host is not changed, the error is
# one clear line, and the next build works.
set -eu
. tests/lib.sh
need_root
# What others mount meanwhile is not ours to compare.
[ -n "${APART-}" ] || APART=1 exec unshare -m "$0"
scratch

el=$T/elements
# Of nobody else's test on this machine.
seconds=$((1000000 + $$))
script() { # element phase name
	mkdir -p "$el/$1/$2.d"
	{
		echo '#!/bin/bash'
		sed "s/SECONDS/$seconds/"
	} >"$el/$1/$2.d/$3"
	chmod 755 "$el/$1/$2.d/$3"
}
export ELEMENTS_PATH="$el:$PWD/tests/elements" TMP_DIR="$T/tmp"
mkdir "$T/tmp"
build() { # elements...
	# shellcheck disable=SC2016 # it is that shell's
	timeout 100 sh -c 'echo $$ >"$0"; exec image-build "$@"' "$T/pid" \
	    --image-cache "$T/cache" -o "$T/image" -t raw \
	    --image-size 0.1 -n tiny-os "$@" >"$T/out" 2>"$T/log"
}
fails() { # what, pattern, elements...
	what=$1 pattern=$2
	shift 2
	status=0
	build "$@" || status=$?
	[ $status -eq 1 ] || {
		cat "$T/log"
		fail "$what: exit status $status"
	}
	tail -n 1 "$T/log" | grep -q "$pattern" || {
		cat "$T/log"
		fail "$what: not the last line: $pattern"
	}
	[ ! -e "$T/image.raw" ] || fail "$what: made an image"
	[ -z "$(ls -A "$T/tmp")" ] || fail "$what: left something in TMP_DIR"
}

hostname >"$T/hostname"
mounts >"$T/mounts"
script calls install 10-calls <<'EOF'
# None of these may reach the host.
hostname changed-by-a-script 2>/dev/null
modprobe no-such-module || exit 3
sysctl -w vm.swappiness=33 || exit 4
trap '' TERM HUP INT
sleep SECONDS &
disown
kill -9 -1 2>/dev/null
exit 0
EOF
swappiness=$(cat /proc/sys/vm/swappiness)
build calls || {
	cat "$T/log"
	fail "calls that change the host"
}
rm "$T/image.raw"
[ "$(hostname)" = "$(cat "$T/hostname")" ] || fail "the host has another name"
[ "$(cat /proc/sys/vm/swappiness)" = "$swappiness" ] || fail "a sysctl was set"
mounts | diff "$T/mounts" - || fail "mounts of the host changed"
[ -z "$(pgrep -f "sleep $seconds")" ] || fail "something outlived the build"

# What a script of the target has of root: its own tree, not the host.
echo "$T" >"$T/secret"
script jail install 10-jail <<EOF
set -eu
fail() { echo "\$*"; exit 1; }
! cat /proc/1/root$T/secret 2>/dev/null || fail "reads the host's files"
! readlink /proc/1/fd/0 2>/dev/null || fail "sees the build's descriptors"
for f in vm/swappiness kernel/sysrq net/ipv4/ip_forward; do
	! echo 33 2>/dev/null >/proc/sys/\$f || fail "sets \$f"
done
! echo h 2>/dev/null >/proc/sysrq-trigger || fail "calls sysrq"
bound=\$(sed -n 's/^CapBnd:\t*//p' /proc/self/status)
for bit in 2 12 16 17 19 20 22 25 26 34 35; do
	[ \$((0x\$bound >> bit & 1)) = 0 ] || fail "has capability \$bit"
done
# This much root it is.
for bit in 0 1 6 7 18 21 27; do
	[ \$((0x\$bound >> bit & 1)) = 1 ] || fail "lacks capability \$bit"
done
mkdir /srv /more
mount -t tmpfs none /srv
mount -o remount,ro /dev
touch /srv/file
for f in /proc/[0-9]*; do
	case \$f in /proc/1 | /proc/\$\$) ;; *) [ ! -d \$f ] || fail "sees \$f" ;; esac
done
(sleep SECONDS &) >/dev/null 2>&1
EOF
script jail install 20-after <<'EOF'
set -eu
[ -e /srv/file ]
echo >/dev/null
EOF
build jail || {
	cat "$T/log"
	fail "the jail"
}
[ -z "$(pgrep -f "sleep $seconds")" ] || fail "something outlived the build"
mounts | diff "$T/mounts" - || fail "mounts of the host changed"
rm "$T/image.raw"

# Nodes of the host's disks, made before and found there: they stay shut.
image-build doctor --image-cache "$T/cache" >"$T/doctor"
if grep -q '^devices  *closed.*/dev/null' "$T/doctor" &&
	numbers=$(awk 'NR > 2 { print $1, $2; exit }' /proc/partitions) &&
	[ -n "$numbers" ]; then
	script shut root 20-nodes <<EOF
mknod "\$TARGET_ROOT/disk" b $numbers
mknod "\$TARGET_ROOT/zero" c 1 5
EOF
	script shut install 10-shut <<'EOF'
set -eu
fail() { echo "$*"; exit 1; }
[ -b /disk ] || fail "no node"
! : </disk || fail "opens the host's disk"
: </zero
echo >/dev/null
: </dev/urandom
mkdir /cg
if mount -t cgroup2 none /cg 2>/dev/null; then
	echo $$ >/cg/cgroup.procs || fail "it is not its own cgroup"
	! mkdir /cg/more 2>/dev/null || fail "makes more cgroups"
	! : </disk || fail "opens the host's disk, in a cgroup"
fi
EOF
	build shut || {
		cat "$T/log"
		fail "devices of the host"
	}
	rm "$T/image.raw"
	left=$(find /sys/fs/cgroup -name "image-build.$(cat "$T/pid").*" 2>/dev/null)
	[ -z "$left" ] || fail "cgroups are left: $left"
else
	echo "not tried: this host lets us close no devices"
fi

script mounts post-root 10-mounts <<'EOF'
set -e
mount -t tmpfs none "$TARGET_ROOT/srv" || { mkdir "$TARGET_ROOT/srv"; mount -t tmpfs none "$TARGET_ROOT/srv"; }
mount --bind / "$TARGET_ROOT/mnt" 2>/dev/null || { mkdir -p "$TARGET_ROOT/mnt"; mount --bind / "$TARGET_ROOT/mnt"; }
EOF
build mounts || {
	cat "$T/log"
	fail "with mounts left behind"
}
mounts | diff "$T/mounts" - || fail "mounts got out"
[ -z "$(debugfs -R 'ls -p mnt' "$T/image.raw" 2>/dev/null | cut -d/ -f6 | grep -vx '\.\|\.\.\|lost+found' | tr -d '\n')" ] ||
	fail "the host is in the image"
rm "$T/image.raw"

script fails install 10-fails <<'EOF'
echo one; echo "two: the reason" >&2; exit 3
EOF
fails "exit status" \
    'install.d/10-fails (element fails): exit status 3; it said last: .*two: the reason' fails
script signal install 10-signal <<'EOF'
kill -SEGV $$
EOF
fails "signal" 'install.d/10-signal (element signal): .*signal 11' signal
script device block-device 10-device <<'EOF'
echo "export IMAGE_BLOCK_DEVICE=/dev/loop7"
EOF
fails "a device of its own" \
    'block-device.d/10-device (element device): it makes a device' device
script lost install 10-lost <<'EOF'
rm -rf /etc /usr 2>/dev/null
exit 0
EOF
script lost install 20-after <<'EOF'
true
EOF
fails "no interpreter is left" 'install.d/20-after (element lost): ' lost
script noroot root 90-noroot <<'EOF'
rm -rf "$TARGET_ROOT/etc"
EOF
fails "no root" 'root.d made no root file system' noroot
script full install 10-full <<'EOF'
cat /dev/zero >/filler
EOF
# A cache on a small file system of its own.
mkdir "$T/small"
if mount -t tmpfs -o size=40m none "$T/small" 2>/dev/null; then
	status=0
	timeout 100 image-build --image-cache "$T/small" -o "$T/image" -t raw \
	    --image-size 0.1 -n tiny-os full >"$T/out" 2>"$T/log" || status=$?
	umount "$T/small"
	[ $status -eq 1 ] || fail "full: exit status $status"
	tail -n 1 "$T/log" | grep -q 'No space left' || {
		cat "$T/log"
		fail "full"
	}
fi
# Nothing of it is on a disk, and it would take hours to read.
script vast post-root 10-vast <<'EOF'
truncate -s 1T "$TARGET_ROOT/vast"
EOF
fails "a vast file" 'vast: 1099511627776 bytes are more than a file may have' vast
script link install 10-link <<'EOF'
rm -rf /dev 2>/dev/null
rm -f /etc/resolv.conf
ln -s /nowhere/at/all /etc/resolv.conf
EOF
build link || {
	cat "$T/log"
	fail "a dangling resolver"
}
rm "$T/image.raw"
script swap root 90-swap <<'EOF'
rm -rf "$TARGET_ROOT/proc"
ln -s / "$TARGET_ROOT/proc"
EOF
fails "a link in the place of a mount" 'no folder to mount on' swap calls
build || {
	cat "$T/log"
	fail "the build after all that"
}
