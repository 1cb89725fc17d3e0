#!/bin/sh
# Phases run in their order and places, with the environment that element
# scripts rely on, and leave nothing behind.
set -eu
. tests/lib.sh
need_root
# What others mount meanwhile is not ours to count.
[ -n "${APART-}" ] || APART=1 exec unshare -m sh "$0"
scratch

el=$T/elements/probe
mkdir -p "$el/environment.d" "$el/bin" "$T/tmp" "$T/out"
printf 'install-bin\npackage-installs\npkg-map\nsvc-map\n' >"$el/element-deps"
script() { # phase name
	mkdir -p "$el/$1.d"
	cat >"$el/$1.d/$2"
	chmod 755 "$el/$1.d/$2"
}
echo 'export FROM_ENVIRONMENT=yes
[[ -v FROM_ENVIRONMENT ]]
PROBE+=${PROBE:+,}env
export PROBE' >"$el/environment.d/20-probe.bash"
echo 'exit 9' >"$el/environment.d/30-not a fragment"
echo '#!/bin/sh' >"$el/bin/probe-program"
printf 'pkg-one:\npkg-two: {phase: post-install.d}\npkg-gone: {uninstall: true}\n' \
	>"$el/package-installs.yaml"
echo '{"distro": {"tiny": {"pkg-one": "mapped-one and-more"}}}' >"$el/pkg-map"
echo 'apache: {tiny: httpd, default: apache2}' >"$el/svc-map"

for p in root extra-data post-root block-device pre-finalise cleanup; do
	script $p 50-note <<-'EOF'
	#!/bin/bash
	set -eu
	echo "$(basename "$(dirname "$0")") host $FROM_ENVIRONMENT $PROBE" >>"$OUT/notes"
	[ "$TARGET_ROOT" = "$TMP_MOUNT_PATH" ]
	# What diskimage-builder's source-repositories names a file by.
	[ "$(basename "$TMP_MOUNT_PATH")" = mnt ]
	[ "$(dirname "${TMP_MOUNT_PATH##*.}")" = 0 ]
	[ -d "$TMP_HOOKS_PATH/bin" ]
	[ "$PWD" = "$OUT" ]
	grep -q "^mount-base: $TMP_MOUNT_PATH\$" "$DIB_BLOCK_DEVICE_PARAMS_YAML"
	grep -q mkfs_root "$(sed -n 's/^config: //p' "$DIB_BLOCK_DEVICE_PARAMS_YAML")"
	EOF
done
for p in pre-install install post-install finalise; do
	script $p 50-note <<-'EOF'
	#!/bin/bash
	set -eu
	echo "$(basename "$(dirname "$0")") target $FROM_ENVIRONMENT $PROBE" >>/etc/notes
	[ "$HOME" = /root ] && [ "$PWD" = / ]
	[ -f "$(dirname "$0")/../bin/probe-program" ]
	touch "$(dirname "$0")/x" 2>/dev/null && exit 4
	touch /sys/x 2>/dev/null && exit 5
	[ -c /dev/null ] && [ -d /proc/1 ] && [ -e /dev/pts/ptmx ]
	EOF
done
script install 9-early <<-'EOF'
	#!/bin/bash
	echo 9-early >>/etc/notes
	EOF
script install ignored.sh <<-'EOF'
	#!/bin/bash
	exit 1
	EOF
script install 60-mount <<-'EOF'
	#!/bin/bash
	mkdir -p /mnt && mount -t tmpfs tmpfs /mnt && touch /mnt/transient
	EOF
script cleanup 90-copy <<-'EOF'
	#!/bin/bash
	set -eu
	[ ! -e "$TARGET_ROOT/mnt/transient" ]
	cat "$TARGET_ROOT/etc/notes" >>"$OUT/notes"
	cp "$TARGET_ROOT/etc/installed" "$TARGET_ROOT/etc/fstab" "$OUT"
	cp "$TARGET_ROOT/usr/share/svc-map/services" "$OUT"
	[ -x "$TARGET_ROOT/usr/local/bin/probe-program" ]
	env >"$OUT/env"
	EOF
before=$(wc -l </proc/mounts)
OUT=$T/out
export OUT
# Folders are the caller's, however they are named.
(cd "$OUT" && ELEMENTS_PATH=../elements:$OLDPWD/tests/elements \
	TMP_DIR=../tmp DIB_IMAGE_CACHE=../cache image-build -n -o image -t raw -p extra,more \
	tiny-os probe) >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "the build failed"
}
cat >"$T/want" <<'EOF'
root.d host yes env
extra-data.d host yes env
post-root.d host yes env
block-device.d host yes env
pre-finalise.d host yes env
cleanup.d host yes env
pre-install.d target yes env
9-early
install.d target yes env
post-install.d target yes env
finalise.d target yes env
EOF
diff -u "$T/want" "$OUT/notes"
printf '%s\n' 'mapped-one and-more' '-e pkg-gone' 'extra more' pkg-two |
	diff -u - "$OUT/installed"
echo 'apache: httpd' | diff -u - "$OUT/services"
echo 'LABEL=cloudimg-rootfs / ext4 defaults 0 1' | diff -u - "$OUT/fstab"
for v in IMAGE_NAME=image ARCH= DIB_ROOT_LABEL=cloudimg-rootfs LC_ALL=C \
	"IMAGE_ELEMENT=install-bin" "TMP_DIR=$T/" "DIB_IMAGE_CACHE=$T/" DIB_DEFAULT_INSTALLTYPE=source; do
	has "$v" "$OUT/env"
done
[ -z "$(ls "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
[ "$before" = "$(wc -l </proc/mounts)" ] || fail "mounts are left"
e2fsck -fn "$OUT/image.raw" >"$T/fsck" 2>&1 || {
	cat "$T/fsck"
	fail "the file system is not clean"
}
debugfs -R 'cat /etc/resolv.conf' "$OUT/image.raw" 2>/dev/null |
	grep -q 192.0.2.1 || fail "the image's own resolver did not return"
jq -e '.steps | map(select(.phase == "install" and .name == "9-early")) | length == 1' \
	"$OUT/image.build.json" >/dev/null || fail "the report lacks a step"
