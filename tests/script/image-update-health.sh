#!/bin/sh
# The check of an image on trial that its services run on: which of their
# starts and ends count against it.
set -eu
. tests/lib.sh
scratch
mkdir "$T/bin"
sed "s#/state/image-update/#$T/#; s#/run/#$T/#" \
	elements/image-update/health.d/10-units >"$T/check"
cat >"$T/bin/systemctl" <<'END'
#!/bin/sh
# From a file of lines "UNIT STATE RESTARTS INVOCATION".
dir=$(dirname "$0")
case "$1 $2 $3" in
"show -P LoadState")
	grep -q "^$4 " "$dir/services" && echo loaded || echo not-found ;;
"show -P ActiveState") sed -n "s/^$4 \([a-z]*\) .*/\1/p" "$dir/services" ;;
*) sed 's/^\(.*\) .* \(.*\) \(.*\)$/NRestarts=\2\nInvocationID=\3\nId=\1\n/' \
	"$dir/services" ;;
esac
END
chmod 755 "$T/bin/systemctl"
PATH=$T/bin:$PATH
services() { printf '%s\n' "$@" >"$T/bin/services"; }
holds() {
	sh "$T/check" >"$T/out" 2>&1 || { cat "$T/out"; fail "$1: fails"; }
}
fails() { # WHAT WORDS
	! sh "$T/check" >"$T/out" 2>&1 || fail "$1: holds"
	has "$2" "$T/out"
}

printf 'web.service\ngone.service\ngetty@tty1.service\n' >"$T/units"
services "web.service active 0 a" "other.service failed 0 b"
holds "the first round"
holds "nothing happened"
services "web.service failed 0 a" "other.service active 0 b"
fails "one has ended" "web.service ran before the update and does not run"
services "web.service active 0 a" "other.service active 1 c"
fails "one that was started anew" "other.service ended and was started anew"
holds "it runs on"
services "web.service active 0 d" "other.service active 1 c"
holds "a start by hand"
services "web.service active 2 e" "other.service active 1 c"
fails "two more" "web.service ended"
services "web.service active 0 f" "other.service active 1 c"
holds "another start by hand, which counts anew"
services "web.service active 2 g" "other.service active 1 c"
fails "as many as before" "web.service ended"
services "web.service active 1 h" "other.service active 1 c"
fails "a start by hand, then fewer than before" "web.service ended"
services "web.service active 1 i" "other.service active 1 c"
fails "a start by hand, then as many as before" "web.service ended"
holds "all run on"
services "web.service active 1 i" "other.service active 1 c" "new.service active 3 j"
holds "one that was not seen before"
