#!/bin/sh
# The same bytes from the same elements: at another time, in other folders, with
# another umask, with and without snapshots; whatever ldconfig noted down.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements/noting
mkdir -p "$el/install.d"
cat >"$el/install.d/50-noting" <<'END'
#!/bin/bash
set -eu
mkdir -p /var/cache/ldconfig /opt/many
cat /proc/sys/kernel/random/uuid >/var/cache/ldconfig/aux-cache
for i in {1..300}; do echo "$i" >"/opt/many/$i"; done
END
chmod 755 "$el/install.d/50-noting"
ELEMENTS_PATH=$T/elements:$PWD/tests/elements SOURCE_DATE_EPOCH=1700000000
export ELEMENTS_PATH SOURCE_DATE_EPOCH

build() { # folder option...
	dir=$T/$1
	shift
	mkdir -p "$dir/tmp"
	TMP_DIR=$dir/tmp timeout 120 image-build -q -o "$dir/image" -n "$@" \
		-t raw,qcow2,tar,squashfs --image-cache "$T/cache" tiny-os noting \
		>/dev/null || fail "$dir: not built"
}
build one --no-cache
build a/much/longer/path
(
	umask 077
	build again
)
for dir in a/much/longer/path again; do
	for x in raw qcow2 tar squash spdx.json cdx.json; do
		cmp "$T/one/image.$x" "$T/$dir/image.$x" && continue
		image-build compare "$T/one/image.tar" "$T/$dir/image.tar" || :
		fail "$dir: other bytes in image.$x"
	done
done
