#!/bin/sh
# Every format of one tree, read back by somebody else's program.
set -eu
. tests/lib.sh
scratch
mkdir -p "$T/tree/etc" "$T/tree/usr/bin" "$T/out" "$T/tmp"
echo here >"$T/tree/etc/hostname"
head -c 3000000 /dev/urandom >"$T/tree/usr/bin/large"
seq 200000 >"$T/tree/usr/bin/numbers"
printf 'ID=debian\nVERSION_CODENAME="book'"'"'worm"\n' >"$T/tree/etc/os-release"
ln "$T/tree/usr/bin/large" "$T/tree/usr/bin/linked"
ln -s large "$T/tree/usr/bin/symlink"
truncate -s 300M "$T/tree/usr/sparse"
SOURCE_DATE_EPOCH=1700000000 TMP_DIR=$T/tmp
export SOURCE_DATE_EPOCH TMP_DIR
all=raw,qcow2,vhd,vhdx,vmdk,vdi,gce,bosh,tar,tgz,tar.zst,squashfs,erofs,oci,docker
image-build pack --checksum -f $all -o "$T/out/web" "$T/tree" \
	>"$T/list" 2>"$T/err" || {
	cat "$T/err" >&2
	fail "the formats were not made"
}
[ "$(wc -l <"$T/list")" = 15 ] || fail "15 formats: $(cat "$T/list")"
cd "$T/out"

# ---- disks: the same content as the raw one
for f in qcow2 vhdx vmdk vdi; do
	qemu-img compare -q -F $f web.raw web.$f || fail "$f is not the disk"
done
for f in qcow2 vhdx vdi; do
	qemu-img check -q web.$f || fail "qemu-img check $f"
done
qemu-img compare -q -f raw -F vpc web.raw web.vhd || fail "vhd is not the disk"
[ $((($(stat -c %s web.vhd) - 512) % 1048576)) = 0 ] ||
	fail "vhd: no whole number of MiB"
[ $(($(qemu-img info -f vpc --output=json web.vhd | jq '.["virtual-size"]') % 1048576)) = 0 ] ||
	fail "vhd: its footer says another size"
has streamOptimized - <<END
$(qemu-img info web.vmdk)
END
[ "$(tar -tzf web.gce.tar.gz)" = disk.raw ] || fail "gce"
[ "$(tar -xzOf web.gce.tar.gz | head -c "$(stat -c %s web.raw)" | sha256sum)" = \
	"$(sha256sum <web.raw)" ] || fail "gce is not the disk"

# ---- archives and file systems of the tree
for f in tar tgz tar.zst; do
	mkdir "$T/$f"
	tar -xf web.$f -C "$T/$f"
	diff -r --no-dereference "$T/tree" "$T/$f" || fail "$f is not the tree"
	[ "$(stat -c %h "$T/$f/usr/bin/large")" = 2 ] || fail "$f: hard link"
done
[ "$(stat -c %s web.tar)" -lt 10000000 ] || fail "tar: the hole was written"
unsquashfs -q -n -d "$T/unsquashed" web.squash >/dev/null || fail "squashfs"
diff -r --no-dereference "$T/tree" "$T/unsquashed"
fsck.erofs web.erofs >"$T/log" 2>&1 || fail "erofs: $(cat "$T/log")"

# ---- containers: the layer is the tree, and every digest holds
mkdir "$T/oci" "$T/docker"
tar -xf web.oci.tar -C "$T/oci"
(cd "$T/oci/blobs/sha256" && sha256sum -- * | awk '$1 != $2 { exit 1 }') ||
	fail "oci: a blob is not its name"
manifest=$(jq -r '.manifests[0].digest' "$T/oci/index.json" | cut -d: -f2)
layer=$(jq -r '.layers[0].digest' "$T/oci/blobs/sha256/$manifest" | cut -d: -f2)
cmp "$T/oci/blobs/sha256/$layer" web.tar || fail "oci: the layer is not the tree"
config=$(jq -r '.config.digest' "$T/oci/blobs/sha256/$manifest" | cut -d: -f2)
[ "$(jq -r '.rootfs.diff_ids[0]' "$T/oci/blobs/sha256/$config")" = "sha256:$layer" ] ||
	fail "oci: diff_ids"
tar -xf web.docker.tar -C "$T/docker"
[ "$(jq -r '.[0].RepoTags[0]' "$T/docker/manifest.json")" = web:latest ] ||
	fail "docker: tag"
cmp "$T/docker/$(jq -r '.[0].Layers[0]' "$T/docker/manifest.json")" web.tar

# ---- a stemcell: the manifest is YAML, its digest and the disk hold
mkdir "$T/bosh" "$T/light"
tar -xf web.bosh.tgz -C "$T/bosh"
[ "$(tar -xzOf "$T/bosh/image" ./root.img | sha256sum)" = \
	"$(sha256sum <web.raw)" ] || fail "bosh: image is not the disk"
grep -q "^sha1: '$(sha1sum <"$T/bosh/image" | cut -d' ' -f1)'$" \
	"$T/bosh/stemcell.MF" || fail "bosh: sha1"
[ -e "$T/bosh/packages.txt" ] && [ -e "$T/bosh/dev_tools_file_list.txt" ] ||
	fail "bosh: lists"
BOSH_IMAGE_ID=ami-1 BOSH_VERSION=1.10 image-build pack -q -f bosh \
	-o "$T/light" "$T/tree" >/dev/null
tar -xf "$T/light.bosh.tgz" -C "$T/light"
[ -e "$T/light/image" ] && [ ! -s "$T/light/image" ] || fail "bosh: not light"
if python3 -c 'import yaml' 2>/dev/null; then
	python3 - "$T" <<'END' || fail "bosh: the manifest"
import sys
import yaml
full, light = (yaml.safe_load(open(sys.argv[1] + name))
               for name in ('/bosh/stemcell.MF', '/light/stemcell.MF'))
assert full['version'] == '1700000000' and light['version'] == '1.10'
assert full['operating_system'] == 'debian-book', full
assert full['stemcell_formats'] == ['openstack-raw']
assert full['cloud_properties']['disk'] > 5
assert light['stemcell_formats'] == ['openstack-light']
assert light['cloud_properties']['image_id'] == 'ami-1'
END
fi

# ---- digests
while read -r f; do
	[ -e "$f.sha256" ] && [ -e "$f.md5" ] || fail "$f has no digests"
done <"$T/list"
(cd / && cat "$T"/out/*.sha256 | sha256sum --quiet -c -) || fail "sha256"
(cd / && cat "$T"/out/*.md5 | md5sum --quiet -c -) || fail "md5"

# ---- an archive goes in too, and the same bytes come out
image-build pack -q -f raw,qcow2,squashfs -o "$T/again/web" web.tar \
	>/dev/null 2>&1 && fail "an output folder that is not there was made"
mkdir "$T/again"
image-build pack -q -f raw,qcow2,tar -o "$T/again/web" web.tar >/dev/null
for f in raw qcow2 tar; do
	cmp "$T/again/web.$f" "web.$f" || fail "$f: other bytes from the archive"
done

# ---- what fails leaves nothing
image-build pack -q -f raw,nonsense -o "$T/again/x" "$T/tree" 2>"$T/err" &&
	fail "nonsense was made"
has "no such format: nonsense" "$T/err"
image-build pack -q -f raw --image-size 0.001 -o "$T/again/x" "$T/tree" \
	2>"$T/err" && fail "a disk of 1 MiB was made"
[ "$(find "$T/again" -type f ! -name 'web.*')" = "" ] ||
	fail "left: $(ls "$T/again")"
[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
