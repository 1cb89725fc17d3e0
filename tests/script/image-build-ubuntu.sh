#!/bin/sh
# The element ubuntu, against an archive that is made here: two packages,
# three suites, signed by a key of its own.  No network but loopback.
set -eu
. tests/lib.sh
need_root
for p in mmdebstrap apt-ftparchive gpg dpkg-deb; do
	command -v $p >/dev/null || skip "$p is not installed"
done
scratch
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; rm -rf "$T"' EXIT
gpg_home
gpg_key archive rsa2048
gpg_key stranger rsa2048

# ---- packages: one with all that a system needs to install others
pool=$T/www/ubuntu/pool
mkdir -p "$pool"
deb() { # NAME VERSION FIELD...: the files are in $T/deb
	mkdir -p "$T/deb/DEBIAN"
	{
		printf 'Package: %s\nVersion: %s\n' "$1" "$2"
		printf 'Architecture: %s\n' "$(dpkg --print-architecture)"
		printf 'Maintainer: Test <test@example.org>\nDescription: a test\n'
		shift 2
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$T/deb/DEBIAN/control"
	dpkg-deb --root-owner-group -Zgzip -z1 -b "$T/deb" "$pool" >/dev/null
	rm -rf "$T/deb"
}
TARGET_ROOT=$T/deb ARCH=amd64 tests/elements/tiny-os/root.d/10-tiny-os
copy() { # FILE...: with the libraries that it wants
	for f; do
		mkdir -p "$T/deb$(dirname "$f")"
		cp -L "$f" "$T/deb$f"
		ldd "$f" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
			mkdir -p "$T/deb$(dirname "$lib")"
			[ -e "$T/deb$lib" ] || cp -L "$lib" "$T/deb$lib"
		done
	done
}
for p in dpkg dpkg-deb dpkg-query dpkg-split dpkg-trigger tar gzip diff \
	apt-get apt-config gpgv ldconfig start-stop-daemon tr cut wc cmp chown head flock; do
	copy "$(command -v "$p")"
done
copy /usr/lib/apt/methods/http /usr/lib/apt/methods/gpgv \
	/usr/lib/apt/methods/store /usr/lib/apt/methods/file \
	/usr/lib/apt/methods/copy /usr/bin/apt-key
mkdir -p "$T/deb/etc/apt/trusted.gpg.d" "$T/deb/etc/apt/apt.conf.d" \
	"$T/deb/etc/dpkg/dpkg.cfg.d" "$T/deb/var/lib/dpkg" "$T/deb/var/cache/apt"
cp "$T/archive.gpg" "$T/deb/etc/apt/trusted.gpg.d/"
printf 'root:x:0:0:root:/root:/bin/bash\n_apt:x:42:65534::/:/bin/false\n' \
	>"$T/deb/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$T/deb/etc/group"
printf 'ID=ubuntu\nVERSION_CODENAME=noble\n' >"$T/deb/etc/os-release"
mkdir -p "$T/deb/usr/share/dpkg"
cp -r /usr/share/dpkg/* "$T/deb/usr/share/dpkg/"
rm -f "$T/deb/etc/resolv.conf"
deb apt 1.0 'Essential: yes' 'Priority: required'
mkdir -p "$T/deb/usr/share/hello"
echo first >"$T/deb/usr/share/hello/text"
deb hello 1.0 'Priority: optional'
mkdir -p "$T/deb/usr/share/hello"
echo update >"$T/deb/usr/share/hello/text"
deb hello 1.1 'Priority: optional'

# ---- the archive
arch=$(dpkg --print-architecture)
suite() { # NAME DEB...
	dir=$T/www/ubuntu/dists/$1
	mkdir -p "$dir/main/binary-$arch" "$dir/universe/binary-$arch" "$T/pick/pool"
	: >"$dir/universe/binary-$arch/Packages"
	name=$1
	shift
	for d; do ln "$pool/$d" "$T/pick/pool/"; done
	(cd "$T/pick" && apt-ftparchive packages pool) \
		>"$dir/main/binary-$arch/Packages"
	rm -rf "$T/pick"
	apt-ftparchive -o APT::FTPArchive::Release::Suite="$name" \
		-o APT::FTPArchive::Release::Codename="$name" \
		-o APT::FTPArchive::Release::Origin=Ubuntu \
		-o APT::FTPArchive::Release::Components="main universe" \
		-o APT::FTPArchive::Release::Architectures="$arch" \
		release "$dir" >"$T/Release"
	cp "$T/Release" "$dir/Release"
	gpg --batch --yes --quiet -u archive@example.org --clearsign \
		-o "$dir/InRelease" "$dir/Release"
}
suite noble "apt_1.0_$arch.deb" "hello_1.0_$arch.deb"
suite noble-updates "hello_1.1_$arch.deb"
suite noble-security
gpgconf --kill all 2>/dev/null || true
python3 -u -m http.server -b 127.0.0.1 -d "$T/www" 0 >"$T/http.log" 2>&1 &
server=$!
for _ in $(seq 300); do
	grep -q 'Serving HTTP on' "$T/http.log" && break
	sleep 0.1
done
port=$(sed -n 's/^Serving HTTP on [^ ]* port \([0-9]*\).*/\1/p' "$T/http.log")

mkdir -p "$T/tmp"
unset DIB_APT_SOURCES_CONF DIB_DEBIAN_KEYRING DIB_DEBIAN_COMPONENTS http_proxy
DIB_RELEASE=noble DIB_UBUNTU_MIRROR_DISTS=updates,security
DIB_DISTRIBUTION_MIRROR=http://127.0.0.1:$port/ubuntu
DIB_APT_KEYRING=$T/archive.gpg TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
export DIB_RELEASE DIB_UBUNTU_MIRROR_DISTS DIB_DISTRIBUTION_MIRROR \
	DIB_APT_KEYRING TMP_DIR DIB_IMAGE_CACHE
unset ELEMENTS_PATH
build() {
	image-build -n -o "$T/image" -t raw -p hello "$@" >"$T/log" 2>&1
}
build ubuntu || {
	cat "$T/log"
	fail "the build failed"
}
file() { # PATH: of the image
	debugfs -R "cat $1" "$T/image.raw" 2>/dev/null
}
[ "$(file /usr/share/hello/text)" = update ] || fail "not the updated package"
file /etc/apt/sources.list.d/0000sources.list >"$T/sources"
has "noble-security main universe" "$T/sources"
file /var/lib/dpkg/status >"$T/status"
has "Package: hello" "$T/status"
[ -z "$(file /usr/sbin/policy-rc.d)" ] || fail "policy-rc.d is left"

# Nothing new there: the tree is not made again, nothing is fetched again.
n=$(grep -c 'GET .*\.deb ' "$T/http.log")
build ubuntu || fail "again: the build failed"
[ "$(grep -c 'GET .*\.deb ' "$T/http.log")" = "$n" ] || fail "fetched twice"

# While another build fetches into the cache, one waits.
(
	exec 9<"$T/cache/apt/ubuntu"
	flock 9
	exec sleep 300
) &
fetches=$!
for _ in $(seq 300); do
	flock -n "$T/cache/apt/ubuntu" true || break
	sleep 0.1
done
build --no-cache ubuntu &
waits=$!
for _ in $(seq 300); do
	grep -q 'waiting for another build' "$T/log" && break
	sleep 0.1
done
has "waiting for another build that fetches packages" "$T/log"
kill $fetches
wait $waits || {
	cat "$T/log"
	fail "it waited, and failed"
}

# An archive that somebody else signed.
if DIB_APT_KEYRING=$T/stranger.gpg build --no-cache ubuntu; then
	fail "an archive signed by a stranger was used"
fi
has "root.d/08-ubuntu (element ubuntu)" "$T/log"
[ -z "$(ls "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"

# ---- a package that is not what the archive's index says
rm "$T/image.raw"
hello=$pool/hello_1.1_$arch.deb
spoil() { # FILE: other bytes, as many
	printf 'spoilt' | dd of="$1" bs=1 seek=200 conv=notrunc status=none
}
refused() { # what, where it was told
	! DIB_IMAGE_CACHE=$T/new build ubuntu || fail "$1: it was used"
	has "$2" "$T/log"
	[ ! -e "$T/image.raw" ] || fail "$1: made an image"
	[ -z "$(ls "$T/tmp")" ] || fail "$1: left behind: $(ls "$T/tmp")"
}
accepted() { # what
	DIB_IMAGE_CACHE=$T/new build ubuntu || {
		cat "$T/log"
		fail "$1: the build failed"
	}
	[ "$(file /usr/share/hello/text)" = update ] || fail "$1: another package"
	rm "$T/image.raw"
}
cp "$hello" "$T/hello.deb"
spoil "$hello"
refused "a spoilt package" "(element caller): install-packages: exit status"
cp "$T/hello.deb" "$hello"
accepted "after a spoilt package"
# In the cache of packages, where it was right before.
image-build cache --image-cache "$T/new" gc --limit 0 >"$T/gc"
for f in "$T"/new/apt/*/hello_1.1*.deb; do
	spoil "$f"
done
accepted "a cached package that was spoilt"

# ---- a mirror that goes away half-way
rm -rf "$T/new"
kill $server
wait $server 2>/dev/null || :
mirror() { # BYTES: the second package is cut there, then nobody answers
	python3 -u - "$T/www" "$port" "$1" >"$T/http.log" 2>&1 <<'EOF' &
import http.server
import os
import sys

folder, port, left = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
packages = 0


class Mirror(http.server.SimpleHTTPRequestHandler):
    def copyfile(self, source, to):
        global packages
        packages += self.path.endswith('.deb')
        if left and packages == 2:
            to.write(source.read(left))
            to.flush()
            os._exit(0)
        super().copyfile(source, to)


os.chdir(folder)
http.server.HTTPServer.allow_reuse_address = True
server = http.server.HTTPServer(('127.0.0.1', port), Mirror)
print('Serving')
server.serve_forever()
EOF
	server=$!
	for _ in $(seq 300); do
		grep -q Serving "$T/http.log" && return
		sleep 0.1
	done
	fail "no mirror: $(cat "$T/http.log")"
}
mirror 300
refused "a mirror that goes away" "install-packages: exit status"
kill $server 2>/dev/null || :
wait $server 2>/dev/null || :
mirror 0
accepted "the mirror is back"
exit 0
