#!/bin/sh
# Elements that nobody should write: they are refused in a clear line, or
# borne; nothing hangs, grows or runs what it should not.
set -eu
. tests/lib.sh
scratch
mkdir "$T/e" "$T/x" "$T/tmp"
export ELEMENTS_PATH="$T/e:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache"
case $BUILD in
*-san) room="" ;; # a sanitizer's shadow takes terabytes of addresses
*) room="ulimit -v 1000000;" ;;
esac

# bounded COMMAND...: with little memory and time; $T/out is what it said.
bounded() {
	timeout 50 sh -c "$room"' "$@"' sh "$@" >"$T/out" 2>&1
}
refuse() { # text, command...
	text=$1
	shift
	status=0
	bounded "$@" || status=$?
	case $status in
	1 | 2) ;;
	*) cat "$T/out"; fail "$*: status $status" ;;
	esac
	has "$text" "$T/out"
	[ "$(grep -c "$text" "$T/out")" = 1 ] || fail "said more than once"
}
bear() {
	bounded "$@" || {
		cat "$T/out"
		fail "$*: status $?"
	}
}
element() { # name deps
	mkdir -p "$T/e/$1"
	printf '%b' "$2" >"$T/e/$1/element-deps"
}

# ---- graphs -----------------------------------------------------------------
element ring1 'ring2\n'
element ring2 'ring3\nring1\n'
element ring3 'ring1\nring3\n'
bear element-info tiny-os ring2
echo "ring1 ring3 ring2 tiny-os" | tr ' ' '\n' | sort >"$T/want"
tr ' ' '\n' <"$T/out" | sort | diff "$T/want" -

mkdir "$T/many"
(cd "$T/many" && seq -f e%04.0f 0 4999 | xargs mkdir && seq 0 4999 | awk '{
	f = sprintf("e%04d/element-deps", $1)
	printf "e%04d\n", ($1 + 1) % 5000 >f
	close(f) }')
ELEMENTS_PATH=$T/many:$PWD/tests/elements bear element-info tiny-os e0000
[ "$(wc -w <"$T/out")" = 5001 ] || fail "5,000 elements: $(wc -w <"$T/out")"
rm -r "$T/many"

# ---- names --------------------------------------------------------------------
for name in 'a b' "a'b" 'a;b' '$(touch pwned)' 'a"b' '[a]' 'a
b' -dash; do
	mkdir "$T/e/$name"
	mkdir -p "$T/e/leads"
	printf '%s\n' "$name" >"$T/e/leads/element-deps"
	bounded element-info --env tiny-os leads && fail "an element named $name"
	[ ! -e pwned ] || fail "$name was run"
	rmdir "$T/e/$name"
done
mkdir "$T/e/höhe.1+2"
bear element-info tiny-os höhe.1+2
has "höhe.1+2" "$T/out"
printf 'tiny-os\0hidden\n' >"$T/e/leads/element-deps"
refuse "e/leads/element-deps: this is no text" element-info leads

# ---- files ----------------------------------------------------------------------
rm "$T/e/leads/element-deps"
mkfifo "$T/e/leads/element-deps"
bear element-info tiny-os leads
rm "$T/e/leads/element-deps"
mkdir "$T/e/leads/element-deps"
refuse "element leads" element-info tiny-os leads
rmdir "$T/e/leads/element-deps"
truncate -s 40M "$T/e/leads/element-deps"
refuse "element leads" element-info tiny-os leads
rm "$T/e/leads/element-deps"
ln -s element-deps "$T/e/leads/element-deps"
bear element-info tiny-os leads
rm "$T/e/leads/element-deps"
ln -s loop "$T/e/loop"
ln -s . "$T/e/here"
bear element-info tiny-os leads
rm "$T/e/loop" "$T/e/here"
ELEMENTS_PATH=$T/e: refuse "ELEMENTS_PATH entry '' is not a directory" \
	element-info tiny-os

# ---- YAML and JSON ---------------------------------------------------------------
mkdir "$T/e/bomb"
{
	echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
	for i in 1 2 3 4 5 6 7 8 9; do
		p=$((i - 1))
		echo "a$i: &a$i [*a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p, *a$p]"
	done
} >"$T/bomb.yaml"
cp "$T/bomb.yaml" "$T/e/bomb/package-installs.yaml"
bear image-build -n --dry-run tiny-os bomb
has "bomb/package-installs.yaml" "$T/out"
refuse "bomb.yaml" diskimage-builder --dry-run "$T/bomb.yaml"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "["; }' >"$T/deep.yaml"
refuse "deep.yaml" diskimage-builder --dry-run "$T/deep.yaml"
cp "$T/deep.yaml" "$T/e/bomb/package-installs.yaml"
bear image-build -n --dry-run tiny-os bomb
has "bomb/package-installs.yaml" "$T/out"
printf '\377\376\0' >"$T/e/bomb/package-installs.yaml"
bear image-build -n --dry-run tiny-os bomb
rm "$T/e/bomb/package-installs.yaml"
cp "$T/deep.yaml" "$T/e/bomb/block-device-default.yaml"
refuse "bomb/block-device-default.yaml" image-build -n --dry-run tiny-os bomb

# ---- in a build -------------------------------------------------------------------
[ "$(id -u)" = 0 ] || exit 0
rm -r "$T/e/bomb"
mkdir -p "$T/e/loops/install.d" "$T/e/loops/static"
ln -s loop "$T/e/loops/install.d/loop"
ln -s .. "$T/e/loops/static/up"
ln -s ../loops "$T/e/loops/self"
printf '#!/bin/bash\n[ -L /tmp/in_target.d/static/up ]\n' \
	>"$T/e/loops/install.d/50-look"
chmod 755 "$T/e/loops/install.d/50-look"
(cd "$T/x" && timeout 50 image-build -n -t raw tiny-os loops) >"$T/out" 2>&1 &&
	status=0 || status=$?
[ $status -le 1 ] || fail "links in circles: status $status: $(tail -3 "$T/out")"
