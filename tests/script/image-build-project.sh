#!/bin/sh
# diskimage-builder FILE...: several images in one run.
set -eu
. tests/lib.sh
need_root
scratch
mkdir -p "$T/elements/note/cleanup.d" "$T/elements/fails/install.d" "$T/tmp" "$T/out"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache" DIB_LOCKFILES="$T/locks"
cd "$T/out"
cat >"$T/elements/note/cleanup.d/50-note" <<'EOF'
#!/bin/bash
echo "$DIB_DEBUG_TRACE ${COLOUR-none} ${OUTER-none}" >"$IMAGE_NAME.note"
EOF
printf '#!/bin/bash\nexit 7\n' >"$T/elements/fails/install.d/50-fails"
chmod 755 "$T"/elements/*/*.d/*

cat >"$T/a.yaml" <<'EOF'
- imagename: first
  types: [raw]
  elements: [tiny-os, note]
  skip-base: true
  environment: {COLOUR: dark red}
  debug-trace: 1
- imagename: broken
  types: [raw]
  elements: [tiny-os, fails]
  skip-base: true
EOF
cat >"$T/b.yaml" <<'EOF'
- imagename: second
  ramdisk: true
  ramdisk-element: note
  skip-base: true
  elements: [tiny-os]
- imagename: first
  checksum: true
EOF
status=0
OUTER=yes diskimage-builder "$T/a.yaml" "$T/b.yaml" >"$T/stdout" 2>"$T/stderr" ||
	status=$?
[ $status = 1 ] || fail "status $status: $(cat "$T/stdout" "$T/stderr")"
echo '1 dark red yes' | diff - first.note
echo '0 none yes' | diff - second.note
[ -f first.raw ] && [ -f first.raw.sha256 ] || fail "first: $(ls)"
[ ! -e broken.raw ] && [ ! -e second.qcow2 ] || fail "too much: $(ls)"
has "COLOUR='dark red' disk-image-create -o first -t raw -x --checksum -n -- tiny-os note" \
	"$T/stderr"
has "ramdisk-image-create -o second" "$T/stderr"
has "1 of 3 images failed, the last with status 1: disk-image-create -o broken" \
	"$T/stderr"

# One that failed ends it, if asked.
rm -f ./*
diskimage-builder --stop-on-failure "$T/a.yaml" "$T/b.yaml" >"$T/stdout" \
	2>"$T/stderr" && fail "status 0"
[ -f first.raw ] && [ ! -e second.note ] || fail "--stop-on-failure: $(ls)"

# Nothing is made for --dry-run, or if any file is wrong.
rm -f ./*
diskimage-builder --dry-run "$T/a.yaml" "$T/b.yaml" >"$T/stdout"
[ "$(wc -l <"$T/stdout")" = 3 ] || fail "--dry-run: $(cat "$T/stdout")"
echo '- {imagename: x, colour: red}' >"$T/c.yaml"
diskimage-builder "$T/a.yaml" "$T/c.yaml" >"$T/stdout" 2>"$T/stderr" &&
	fail "an unknown key"
has "c.yaml: entry 1: no such key: colour" "$T/stderr"
diskimage-builder "$T/absent.yaml" 2>"$T/stderr" && fail "no file"
has "absent.yaml" "$T/stderr"
status=0
diskimage-builder 2>"$T/stderr" || status=$?
[ $status = 2 ] || fail "nothing named: status $status"
[ -z "$(ls)" ] || fail "something was built: $(ls)"

# The verb is the same, with image-build's own way to talk.
image-build project "$T/a.yaml" >"$T/stdout" 2>"$T/stderr" && fail "status 0"
has "image-build: install.d/50-fails (element fails): exit status 7" "$T/stderr"
echo first.raw | diff - "$T/stdout"
exit 0
