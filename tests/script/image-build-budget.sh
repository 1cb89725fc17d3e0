#!/bin/sh
# Budgets of space and time: the build fails where one is over, and says which
# element broke it; and each file's writer is known afterwards.
set -eu
. tests/lib.sh
need_root
scratch

el=$T/elements
element_script small install 20-small <<'EOF'
printf '%*s' 1000000 x >/srv-small
echo small >/both
EOF
element_script large install 50-large <<'EOF'
printf '%*s' 9000000 x >/srv-large
echo "${TASTE:-large}" >/both
mkdir /"a b"
echo >"/a b/c%d"
EOF
export ELEMENTS_PATH="$el:$PWD/tests/elements" TMP_DIR="$T/tmp"
mkdir "$T/tmp" "$T/out"
build() { # options...
	timeout 120 image-build -q --image-cache "$T/cache" -o "$T/out/image" \
		-t raw --image-size 0.1 -n "$@" tiny-os small large \
		>"$T/log" 2>&1
}
fails() { # words, options...
	words=$1
	shift
	rm -rf "$T/out"
	mkdir "$T/out"
	if build "$@"; then fail "no error: $words"; fi
	has "$words" "$T/log"
	[ "$(wc -l <"$T/log")" = 1 ] || fail "not one line: $(cat "$T/log")"
	[ ! -e "$T/out/image.raw" ] || fail "an image was made: $words"
}

build --budget size=1G,time=1h --budget large:size=20M,time=3000s ||
	fail "it is within its budget: $(cat "$T/log")"
grep -q '^both large install.d/50-large$' "$T/out/image.origins" ||
	fail "the last writer is not known"
grep -q '^srv-small small install.d/20-small$' "$T/out/image.origins" ||
	fail "the only writer is not known"
grep -q '^a%20b/c%25d large install.d/50-large$' "$T/out/image.origins" ||
	fail "a name is not escaped"
jq -e '.files | any(.name == "image.origins")' "$T/out/image.manifest.json" \
	>/dev/null || fail "the manifest has no word of it"

# ---- what is over, of the image and of one element
fails "element large went over it in install.d/50-large, with 8.6 MiB" \
	--budget size=12M
fails "budget: element small takes 1.0 MiB of 0.5 MiB; element small went over it in install.d/20-small" \
	--budget size=1G --budget small:size=512K
fails "budget: element large has taken" --no-cache \
	--budget large:time=0.000001
has "element large went over it in install.d/50-large, after" "$T/log"
fails "budget: the build has taken" --budget time=0.000001
build --budget small:time=1000,size=2000000 || fail "$(cat "$T/log")"

# ---- what cannot be understood is told before anything runs
fails '--budget size=3X: no such unit: "X"' --budget size=3X
fails '--budget weight=3: neither size= nor time=: "weight=3"' \
	--budget weight=3
fails '--budget size=-1: no amount: "-1"' --budget size=-1
fails '--budget nobody:size=1: no element nobody in this image' \
	--budget nobody:size=1

# ---- who wrote what is different
build || fail "$(cat "$T/log")"
mkdir "$T/old"
mv "$T/out"/* "$T/old"
TASTE=other build || fail "$(cat "$T/log")"
image-build compare "$T/old/image.raw" "$T/out/image.raw" >"$T/said" 2>&1 &&
	fail "they are the same"
grep -q '^! /both: .*(element large, install.d/50-large)$' "$T/said" ||
	fail "compare names no element: $(cat "$T/said")"

# ---- a script that never ends does not wait for the longest limit
element_script forever install 60-forever <<'EOT'
while :; do sleep 1; done
EOT
rm -rf "$T/out"
mkdir "$T/out"
if timeout 100 image-build -q --image-cache "$T/cache" -o "$T/out/image" -t raw \
	-n --budget forever:time=2s tiny-os forever >"$T/log" 2>&1; then
	fail "a script without an end has ended"
fi
has "budget: element forever has taken" "$T/log"
has "went over it in install.d/60-forever" "$T/log"
