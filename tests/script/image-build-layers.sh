#!/bin/sh
# More steps than the kernel stacks layers: what each wrote, replaced and
# removed is in the image, and none of them runs twice.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements
mkdir -p "$T/tmp" "$el/many/install.d"
ELEMENTS_PATH=$el:$PWD/tests/elements TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
export ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE

# Each makes a file, replaces one, and removes what the one before made.
n=0
while [ $n -lt 600 ]; do
	cat >"$el/many/install.d/$((10000 + n))-step" <<EOF
#!/bin/sh
mkdir -p /many
echo $n >/many/$n
echo $n >/last
[ ! -e /many/$((n - 1)) ] || [ $((n % 10)) = 0 ] || rm /many/$((n - 1))
[ $n != 300 ] || { rm -r /many && mkdir /many && echo 300 >/many/300; }
EOF
	n=$((n + 1))
done
chmod +x "$el/many/install.d"/*
build() {
	timeout 300 image-build -n -o "$T/image" -t tar tiny-os many >"$T/out" \
	    2>"$T/log" || {
		cat "$T/log"
		fail "$1"
	}
}
look() {
	tar -xf "$T/image.tar" -C "$1" ./many ./last
	[ "$(cat "$1/last")" = 599 ] || fail "$2: /last has $(cat "$1/last")"
	ls "$1/many" | sort -n >"$T/names"
	{
		seq 309 10 599
	} | diff - "$T/names" || fail "$2: other files are in /many"
}
mkdir "$T/one" "$T/two"
build "600 steps"
look "$T/one" "600 steps"
echo '# changed' >>"$el/many/install.d/10599-step"
build "600 steps, the last one changed"
has "phase install: 599 of them from snapshots" "$T/log"
look "$T/two" "again"
[ -z "$(ls -A "$T/tmp")" ] || fail "something is left in TMP_DIR"
exit 0
