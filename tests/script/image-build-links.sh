#!/bin/sh
# Links in a base, or made by a script, that point at folders of the host:
# whatever image-build itself reads and writes in the target stays inside.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements out=$T/outside
other=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$T" "$other"' EXIT
mkdir -p "$T/tmp" "$T/image" "$el"
ELEMENTS_PATH=$el:$PWD/tests/elements TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
export ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE
unset DIB_IMAGE_DIGEST SHA256SUMS DIB_IMAGE_KEYRING DIB_IMAGE_SIGNATURE

# ---- an element that has something for every part that writes
e=$el/writes
mkdir -p "$e/bin" "$e/static/usr/share/writes" "$e/static/etc/writes" \
	"$e/init-scripts/systemd" "$e/environment.d" "$e/install.d" "$T/www" \
	"$T/git"
printf '%s\n' install-bin install-static manifests element-manifest pkg-map \
	svc-map source-repositories dib-init-system package-installs \
	>"$e/element-deps"
printf '#!/bin/sh\n' >"$e/bin/written"
chmod +x "$e/bin/written"
echo text >"$e/static/usr/share/writes/text"
echo text >"$e/static/etc/writes/text"
ln -s text "$e/static/etc/writes/link"
echo unit >"$e/init-scripts/systemd/written.service"
echo '{"default": {"a": "b"}}' >"$e/pkg-map"
echo 'a: {default: b}' >"$e/svc-map"
printf 'export DISTRO_NAME=tiny DIB_RELEASE=1 DIB_INIT_SYSTEM=systemd\n' \
	>"$e/environment.d/60-writes.bash"
printf '#!/bin/sh\necho one >/var/log/one; echo two >/root/two.log\n' \
	>"$e/install.d/60-writes"
mkdir "$e/finalise.d"
printf '#!/bin/sh\nmkdir -p %s\nfind %s\n' "$out" "$out" >"$e/finalise.d/90-look"
chmod +x "$e/install.d/60-writes" "$e/finalise.d/90-look"
(
	cd "$T/git"
	git init -q -b master
	echo code >code
	git add code
	git -c user.name=a -c user.email=a@b commit -q -m code
)
tar -C "$T/git" -cf "$T/www/code.tar" code
cat >"$e/source-repository-all" <<EOF
one git /opt/one file://$T/git
two tar /srv/two file://$T/www/code.tar .
three file /usr/local/share/three file://$T/git/code
EOF

# ---- what must not change
mkdir "$out"
for d in $(seq 20); do
	mkdir -p "$out/$d/lib/systemd/system" "$out/$d/dib-manifests" \
		"$out/$d/cache/ldconfig" "$out/$d/log" "$out/$d/bin"
	for f in resolv.conf fstab dib-source-repositories log/a.log a.log \
		cache/ldconfig/aux-cache bin/written written text; do
		echo untouched >"$out/$d/$f"
	done
done
look() {
	(cd "$out" && find . -printf '%p %y %m %U:%G %i %T@ %C@ %l\n' | sort)
	(cd "$out" && find . -type f -exec sha256sum {} + | sort)
}
look >"$T/before"
untouched() {
	look | diff "$T/before" - >&2 || fail "$*: files outside have changed"
	[ -z "$(ls -A "$T/tmp")" ] || fail "$*: something is left in TMP_DIR"
}
build() {
	timeout 100 image-build -n -o "$T/image/x" -t tar "$@" >"$T/log" 2>&1
}
says() {
	grep '^image-build: ' "$T/log" | tail -n 1 >"$T/last"
	has "$1" "$T/last"
}

# ---- links instead of folders, each to a place that is in the target too
twist() { # how FOLDER...
	how=$1
	shift
	rm -rf "$el/twist"
	mkdir -p "$el/twist/root.d"
	{
		printf '#!/bin/bash\nset -eu\nn=0\n'
		printf 'how=%s out=%s\nset -- %s\n' "$how" "$out" "$*"
		cat <<'EOF'
for f; do
	n=$((n + 1))
	mkdir -p "$TARGET_ROOT/$f" "$TARGET_ROOT$out"
	mv "$TARGET_ROOT/$f" "$TARGET_ROOT$out/$n"
	case $how in
	absolute) ln -s "$out/$n" "$TARGET_ROOT/$f" ;;
	climbing) ln -s "../../../../../../../../../..$out/$n" "$TARGET_ROOT/$f" ;;
	esac
done
EOF
	} >"$el/twist/root.d/90-twist"
	chmod +x "$el/twist/root.d/90-twist"
}
for how in absolute climbing; do
	twist $how usr/local usr/share opt srv var/log var/cache root usr/lib/systemd \
		etc/dib-manifests etc/apt
	build tiny-os writes twist || {
		cat "$T/log"
		fail "$how links: the build failed"
	}
	untouched "$how links"
	for f in 1/bin/written 1/share/three 2/writes/text 3/one/code 4/two/code \
		8/system/written.service 9/dib-element-manifest 2/pkg-map/writes; do
		has "90-look: $out/$f" "$T/log"
	done
done
for top in etc usr var; do
	twist climbing $top
	build tiny-os writes twist || {
		cat "$T/log"
		fail "a link at /$top: the build failed"
	}
	untouched "a link at /$top"
done
mkdir "$other/1"
(
	out=$other
	twist absolute tmp
)
build tiny-os writes twist || {
	cat "$T/log"
	fail "a link at /tmp: the build failed"
}
untouched "a link at /tmp"
[ -z "$(ls -A "$other/1")" ] || fail "a link at /tmp: files outside"
for top in dev proc sys run; do
	twist absolute $top
	! build tiny-os writes twist || fail "a link at /$top"
	untouched "a link at /$top"
	says "/$top: no folder to mount on"
done

# ---- the same made by a script in the target, for those that come after
mkdir -p "$el/later/pre-install.d"
cat >"$el/later/pre-install.d/00-later" <<EOF
#!/bin/bash
set -eu
n=10
for f in /usr/local /usr/share /opt /etc/dib-manifests /var/log /root; do
	n=\$((n + 1))
	mkdir -p \$f $out
	mv \$f $out/\$n
	ln -s $out/\$n \$f
done
mv /etc $out/20
ln -s $out/20 /etc
EOF
chmod +x "$el/later/pre-install.d/00-later"
build tiny-os writes later || {
	cat "$T/log"
	fail "links made later: the build failed"
}
untouched "links made later"

# ---- a base: one with such links at the usual places is refused
TARGET_ROOT=$T/base ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
base() { # TARBALL LINK TO
	rm -rf "$T/copy"
	cp -a "$T/base" "$T/copy"
	rm -rf "${T:?}/copy/$2"
	mkdir -p "$(dirname "$T/copy/$2")"
	ln -s "$3" "$T/copy/$2"
	tar -C "$T/copy" -cf "$T/$1" .
}
for link in etc tmp opt var usr/local usr/share var/lib var/log etc/apt; do
	base bad.tar $link "$out/7"
	! DIB_LOCAL_IMAGE=$T/bad.tar build tarball writes ||
		fail "a base with a link at /$link"
	untouched "a base with a link at /$link"
	says "the base's /$link is a link that leads out of it"
done
# Deeper ones lead to where they lead in the target.
rm -rf "$T/copy"
cp -a "$T/base" "$T/copy"
n=0
for link in usr/share/pkg-map usr/share/svc-map usr/share/writes \
	usr/lib/systemd srv/two usr/local/share etc/writes; do
	n=$((n + 1))
	mkdir -p "$(dirname "$T/copy/$link")" "$T/copy/$out/$n"
	ln -s "$out/$n" "$T/copy/$link"
done
for link in resolv.conf fstab dib-source-repositories; do
	rm -f "$T/copy/etc/$link"
	ln -s "$out/$n/$link" "$T/copy/etc/$link"
done
tar -C "$T/copy" -cf "$T/deep.tar" .
! DIB_LOCAL_IMAGE=$T/deep.tar build tarball writes ||
	fail "a line was added behind a link"
untouched "a base with links at deeper places"
says "dib-source-repositories: Too many levels of symbolic links"
rm "$T/copy/etc/dib-source-repositories"
tar -C "$T/copy" -cf "$T/deep.tar" .
DIB_LOCAL_IMAGE=$T/deep.tar build tarball writes || {
	cat "$T/log"
	fail "a base with links at deeper places"
}
untouched "a base with links at deeper places"
for f in 1/writes 2/services 3/text 4/system/written.service 5/code 6/three 7/text; do
	has "90-look: $out/$f" "$T/log"
done

# ---- what is no file is neither read nor written
rm -rf "$T/copy"
cp -a "$T/base" "$T/copy"
mkdir -p "$T/copy/var/lib/dpkg"
mkfifo "$T/copy/etc/dib-source-repositories" "$T/copy/var/lib/dpkg/status" \
	"$T/copy/var/log/log"
tar -C "$T/copy" -cf "$T/fifo.tar" .
! DIB_LOCAL_IMAGE=$T/fifo.tar build tarball writes || fail "a pipe as a file"
untouched "pipes"
says "dib-source-repositories"
exit 0
