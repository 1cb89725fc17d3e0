#!/bin/sh
# Called as disk-image-create it is told, talks and leaves things as its users
# know it.
set -eu
. tests/lib.sh
need_root
scratch
mkdir -p "$T/elements" "$T/tmp" "$T/out"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache" DIB_LOCKFILES="$T/locks"
cd "$T/out"

build() { # ARGUMENT...: must work; $T/stdout and $T/stderr are what it said
	"$@" >"$T/stdout" 2>"$T/stderr" </dev/null || {
		cat "$T/stdout" "$T/stderr"
		fail "$*: status $?"
	}
}
has_not() {
	! grep -qF -- "$1" "$2" || fail "\"$1\" is in $2"
}

# ---- what it says and where -------------------------------------------------
element_program probe install 50-probe <<'EOF'
#!/bin/bash
echo "trace $DIB_DEBUG_TRACE type $DIB_DEFAULT_INSTALLTYPE offline $DIB_OFFLINE"
echo a complaint >&2
EOF
element_program probe cleanup 50-note <<'EOF'
#!/bin/bash
echo "$DIB_ARGS" >"$IMAGE_NAME.args"
echo "$DIB_CHECKSUM ${SOME_VARIABLE-unset} $HOME" >"$IMAGE_NAME.env"
EOF
export SOME_VARIABLE=set
build disk-image-create -x -x -n --offline --install-type package -a amd64 \
	--checksum --min-tmpfs 1 --mkfs-journal-size 4 --max-online-resize \
	274877906944 -o one.raw -t raw "" "tiny-os  probe" ""
[ ! -s "$T/stderr" ] || fail "standard error: $(cat "$T/stderr")"
grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{3} \| trace 2 type package offline 1$' \
	"$T/stdout" || fail "the script's line has no time: $(cat "$T/stdout")"
has "| a complaint" "$T/stdout"
has "| dib-run-parts Running /tmp/in_target.d/install.d/50-probe" "$T/stdout"
has "| dib-run-parts 50-probe completed" "$T/stdout"
has "PROFILING" "$T/stdout"
has "dib-run-parts Target: install.d" "$T/stdout"
grep -qE 'dib-run-parts 50-probe {33} +[0-9]+\.[0-9]{3}$' "$T/stdout" ||
	fail "no profile"
has "Image file one.raw created..." "$T/stdout"
tail -n 1 "$T/stdout" | grep -q '| Build completed successfully$' ||
	fail "the last line: $(tail -n 1 "$T/stdout")"
has "-o one.raw -t raw  tiny-os  probe" one.args
md5sum -c one.raw.md5 >/dev/null
sha256sum -c one.raw.sha256 >/dev/null
dumpe2fs -h one.raw 2>/dev/null | grep -q 'Reserved GDT blocks: *1024' ||
	fail "--max-online-resize did nothing"

# An older image stays, under its date, unless told otherwise.
build env DIB_NO_TIMESTAMP=1 DIB_CHECKSUM=sha256 disk-image-create -n -o one \
	-t raw tiny-os probe -u
has "Old image found. Renaming it to one-2" "$T/stdout"
grep -qx 'a complaint' "$T/stdout" || fail "DIB_NO_TIMESTAMP: $(cat "$T/stdout")"
[ "$(find . -name 'one-2*.raw*' | wc -l)" = 3 ] ||
	fail "the older image: $(ls)"
[ -f one.raw.sha256 ] && [ ! -f one.raw.md5 ] || fail "DIB_CHECKSUM=sha256"
rm -f one-2*
build env OVERWRITE_OLD_IMAGE=1 disk-image-create -n -o one -t raw tiny-os
[ -z "$(find . -name 'one-2*')" ] || fail "OVERWRITE_OLD_IMAGE"

# ---- the log file -----------------------------------------------------------
build disk-image-create -n --logfile "$T/log" -o two -t raw tiny-os probe
echo "Output logs going to: $T/log" | diff - "$T/stdout"
grep -qE '^[0-9-]{10} [0-9:.]{12} \| a complaint$' "$T/log" || fail "the log"
build env DIB_QUIET=0 DIB_NO_TIMESTAMP=1 disk-image-create -n --logfile "$T/log2" \
	-o two -t raw tiny-os probe
has "Build completed successfully" "$T/stdout"
grep -qE '^[0-9-]{10} [0-9:.]{12} \| Build completed' "$T/log2" ||
	fail "DIB_NO_TIMESTAMP holds for standard output only"
build env DIB_QUIET=1 disk-image-create -n -o two -t raw tiny-os probe
[ ! -s "$T/stdout" ] || fail "DIB_QUIET=1: $(cat "$T/stdout")"

# ---- -c: the environment that ELEMENTS_PATH is in goes too -------------------
if disk-image-create -c -n -o three -t raw tiny-os >"$T/stdout" 2>&1; then
	fail "-c left ELEMENTS_PATH"
fi
has "ERROR: Element 'tiny-os' not found" "$T/stdout"
grep -q ' set ' one.env || fail "without -c the environment is passed on"

# ---- variables, as scripts find them --------------------------------------------
mkdir -p "$T/elements/early/environment.d"
echo "export DIB_DEFAULT_INSTALLTYPE=\${DIB_DEFAULT_INSTALLTYPE:-package}" \
	>"$T/elements/early/environment.d/05-early.bash"
echo manifests >"$T/elements/early/element-deps"
element_program early install 50-early <<'EOF'
#!/bin/bash
echo "install: $DIB_DEFAULT_INSTALLTYPE ${TARGET_ROOT-none}" \
	"${GLOBIGNORE-none} ${RUBYLIB-none} $DIB_CHECKSUM $DIB_NO_TMPFS"
EOF
export GLOBIGNORE=x RUBYLIB=y
build env DIB_CHECKSUM=sha256 DIB_NO_TMPFS=yes DIB_SECRET_WORD='a
b' DIB_WORDS="say \"\$1\"" disk-image-create -n -o vars -t raw tiny-os early
has "install: package none none none sha256 yes" "$T/stdout"
# Declarations as bash writes them, which it can read again; but for secrets.
saved=vars.d/dib-manifests/dib_environment
# shellcheck disable=SC2016
[ "$(env -i bash -c '. "./$1"; echo "$DIB_WORDS $DIB_CHECKSUM"' - "$saved")" = \
	'say "$1" sha256' ] || fail "$(cat "$saved")"
has 'declare -x DIB_SECRET_WORD="********"' "$saved"
grep -qx 'b"' "$saved" && fail "half of a secret: $(cat "$saved")"
has "-o vars -t raw tiny-os early" vars.d/dib-manifests/dib_arguments
unset GLOBIGNORE RUBYLIB
build env DIB_DEFAULT_INSTALLTYPE=repo disk-image-create -n -o vars -t raw \
	tiny-os early
has "install: repo none none none 0 0" "$T/stdout"
build disk-image-create -n --install-type other -o vars -t raw tiny-os early
has "install: other none" "$T/stdout"

mkdir "$T/elements/vm" "$T/elements/block-device-efi" \
	"$T/elements/block-device-mbr"
for arch in aarch64:efi arm64:efi amd64:mbr; do
	build disk-image-create -n --dry-run -a "${arch%:*}" vm tiny-os
	has "block-device-${arch#*:}" "$T/stdout"
done
rm -r "$T/elements/vm" "$T/elements/block-device-"*
build env ELEMENTS_PATH= disk-image-create --dry-run debian

# ---- what is no script is told with -x, phases on the host always --------------
mkdir -p "$T/elements/odd/post-root.d/50-folder"
touch "$T/elements/odd/post-root.d/10-mode" "$T/elements/odd/post-root.d/20-m"
element_program odd post-root 50-name.sh </dev/null
element_program odd post-root 60-says <<'EOF'
#!/bin/bash
status=0
"$_LIB/dib-run-parts" /no/such 2>&1 || status=$?
mkdir -p x.d/one.d
touch x.d/one.d/{10-mode,20-name.sh}
chmod +x x.d/one.d/20-name.sh
echo "status $status"
"$_LIB/dib-run-parts" x.d/one.d
EOF
build env DIB_NO_TIMESTAMP=1 disk-image-create -x -n -o odd -t raw tiny-os odd
for line in "Ignoring non-executable files: 10-mode 20-m" \
	"Ignoring non-conforming filenames: 50-name.sh" \
	"Scripts directory [/no/such] must exist and be a directory" \
	"Ignoring non-executable files: 10-mode" \
	"Ignoring non-conforming filenames: 20-name.sh"; do
	grep -qx "dib-run-parts $(echo "$line" | sed 's/[][]/\\&/g')" "$T/stdout" ||
		fail "not said: $line: $(cat "$T/stdout")"
done
grep -q '^Running hooks from .*/hooks/post-root.d$' "$T/stdout" ||
	fail "the phase on the host"
build env DIB_NO_TIMESTAMP=1 disk-image-create -n -o odd -t raw tiny-os odd
! grep -q Ignoring "$T/stdout" || fail "that is for -x"

# ---- a root file system of the layout's own type has that type's options ---------
layout='[{local_loop: {name: image0}}, {mkfs: {base: image0, name: mkfs_root,
	type: ext4, mount: {mount_point: /, fstab: {}}}}]'
build env DIB_BLOCK_DEVICE_CONFIG="$layout" FS_TYPE=xfs disk-image-create -n \
	-o typed -t raw tiny-os
dumpe2fs -h typed.raw 2>/dev/null | grep -q 'Total journal size: *64M' ||
	fail "no journal of 64 MiB"
build env DIB_RELEASE=trusty disk-image-create -n -o typed -t raw tiny-os
! dumpe2fs -h typed.raw 2>/dev/null | grep -q metadata_csum ||
	fail "trusty's kernel cannot read that"

# ---- what packages are called: in the image, by a program ------------------------
mkdir -p "$T/elements/maps"
echo pkg-map >"$T/elements/maps/element-deps"
echo '{"default": {"one": "first second"}, "release": {"tiny": {"8": {"new": "n8"}}}}' \
	>"$T/elements/maps/pkg-map"
mkdir -p "$T/elements/maps/environment.d"
echo 'export DIB_RELEASE=8-stream' >"$T/elements/maps/environment.d/90-release"
element_program maps install 50-maps <<'EOF'
#!/bin/bash
pkg-map one --element maps new --missing-ok 'gone*'
for wrong in "--element" "--pkg-map /x one" "one"; do
	pkg-map $wrong 2>/dev/null && echo "worked: $wrong"
done
exit 0
EOF
build env DIB_NO_TIMESTAMP=1 disk-image-create -n -o maps -t raw tiny-os maps
grep -A 3 'Running .*50-maps' "$T/stdout" | tail -n 3 | tr '\n' ' ' |
	grep -qx 'first second n8 gone\* ' || fail "pkg-map: $(cat "$T/stdout")"
! grep -q '^worked' "$T/stdout" || fail "pkg-map takes what is wrong"

# ---- what cannot be ----------------------------------------------------------
status=0
disk-image-create >"$T/stdout" 2>&1 || status=$?
[ $status = 1 ] || fail "no elements: status $status"
has "ERROR: At least one distribution root element must be specified" "$T/stdout"
if IMAGE_ELEMENT=" " disk-image-create "" >"$T/stdout" 2>&1; then
	fail "no elements"
fi
has "ERROR: At least one distribution root element must be specified" "$T/stdout"
status=0
disk-image-create --no-such-option tiny-os >"$T/stdout" 2>&1 || status=$?
[ $status = 1 ] || fail "misuse: status $status"
status=0
image-build --no-such-option tiny-os >"$T/stdout" 2>&1 || status=$?
[ $status = 2 ] || fail "misuse of image-build: status $status"

# ---- break points -------------------------------------------------------------
build env break=before-root,after-cleanup,before-install \
	break_cmd="echo at \$TMP_MOUNT_PATH >>$T/broke" DIB_NO_TIMESTAMP=1 \
	disk-image-create -n -o four -t raw tiny-os
has "Starting debug shell. Exit to resume building." "$T/stdout"
for p in before-root after-cleanup before-install; do
	grep -qx "At stage $p" "$T/stdout" || fail "no stop $p"
done
[ "$(grep -c '^Resuming$' "$T/stdout")" = 3 ] || fail "not resumed three times"
grep -qx 'at /.*/mnt' "$T/broke" || fail "break_cmd saw no tree"
[ "$(wc -l <"$T/broke")" = 1 ] || fail "break_cmd is for before-PHASE on the host"

element_program fails install 50-fails <<'EOF'
#!/bin/bash
touch /tmp/dib-test-should-fail
exit 1
EOF
if break=after-error break_outside_target=1 \
	break_cmd="cp \$TMP_MOUNT_PATH/tmp/dib-test-should-fail $T/seen || true" \
	disk-image-create -n -o five -t raw tiny-os fails >"$T/stdout" 2>&1; then
	fail "a failing element"
fi
[ -f "$T/seen" ] || fail "after-error did not see the tree: $(cat "$T/stdout")"
if break=after-error break_cmd="ls /tmp/in_target.d" disk-image-create -n \
	-o five -t raw tiny-os fails >"$T/stdout" 2>&1; then
	fail "a failing element"
fi
grep -q '^install.d$' "$T/stdout" || fail "after-error in the target"

# ---- package lists of the old form --------------------------------------------
mkdir -p "$T/elements/lists/install.d"
printf '# words\nalpha\n-for-build # only\n\nbeta\n' \
	>"$T/elements/lists/install.d/package-installs-lists"
echo package-installs >"$T/elements/lists/element-deps"
echo '{"default": {"alpha": "alpha-mapped", "for-build": "tool"}}' \
	>"$T/elements/lists/pkg-map"
element_program lists cleanup 50-show <<'EOF'
#!/bin/bash
cp "$TARGET_ROOT/etc/installed" "$TARGET_ROOT/usr/share/pkg-map/lists" .
EOF
build disk-image-create -n -o six -t raw tiny-os lists
printf 'alpha-mapped tool beta\n-e tool\n' | diff -u - installed

# ---- ramdisks -------------------------------------------------------------------
element_program my-ramdisk cleanup 99-extract <<'EOF'
#!/bin/bash
echo kernel >"$IMAGE_NAME.kernel"
echo "${IS_RAMDISK-0}" >"$IMAGE_NAME.initramfs"
EOF
build ramdisk-image-create -n --ramdisk-element my-ramdisk -o deploy tiny-os
[ -f deploy.kernel ] && [ -f deploy.initramfs ] || fail "no ramdisk: $(ls)"
[ ! -e deploy.qcow2 ] || fail "a ramdisk build made a disk image"
has "Image file deploy.initramfs created..." "$T/stdout"
mkdir "$T/elements/no-final-image"
build disk-image-create -n -o seven tiny-os no-final-image
[ ! -e seven.qcow2 ] || fail "no-final-image"

# ---- containers -----------------------------------------------------------------
build disk-image-create -n -o nine -t docker --docker-target me/nine:2 tiny-os
build env OVERWRITE_OLD_IMAGE=1 disk-image-create -n -o nine -t docker \
	--docker-target me/nine:3 tiny-os
tar -xOf nine.docker.tar manifest.json | jq -e '.[0].RepoTags == ["me/nine:3"]' \
	>/dev/null || fail "--docker-target"

# ---- usage ----------------------------------------------------------------------
element_program big install 50-big <<'EOF'
#!/bin/bash
mkdir /opt
for ((i = 0; i < 12; i++)); do cat /bin/bash; done >/opt/big
EOF
build env DIB_SHOW_IMAGE_USAGE=1 disk-image-create -n -o eight -t raw tiny-os big
grep -qE '[0-9]{5,} */?.*/mnt/opt$' "$T/stdout" || fail "usage: $(cat "$T/stdout")"
build env DIB_SHOW_IMAGE_USAGE_FULL=1 disk-image-create -n -o eight -t raw tiny-os
has "/mnt/etc/passwd" "$T/stdout"
[ -z "$(ls "$T/tmp")" ] || fail "left behind: $(ls "$T/tmp")"
