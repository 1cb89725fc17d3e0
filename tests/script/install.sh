#!/bin/sh
# What make install puts below DESTDIR: programs that run, a page for each
# name, units and elements that the installed image-build finds; and make
# uninstall leaves nothing.
set -eu
. tests/lib.sh
scratch

make -s install B="$BUILD" DESTDIR="$T/root" >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "make install"
}
bin=$T/root/usr/local/bin man=$T/root/usr/local/share/man
for program in "$bin"/*; do
	name=${program##*/}
	[ -e "$program" ] || fail "$name links to nothing"
	found=$(find -L "$man" -type f -name "$name.[158]")
	[ -n "$found" ] || fail "$name has no manual page"
	grep -q '^\.Dt' "$found" || fail "$found is no manual page"
done
for program in image-build image-run image-update collect-config \
	apply-config refresh-config send-signals; do
	"$bin/$program" --version >"$T/version" || fail "$program --version"
done
(
	cd "$T"
	unset ELEMENTS_PATH
	"$bin/element-info" debian vm block-device-vm ingot-agent
) >"$T/elements"
has ingot-agent "$T/elements"
has package-installs "$T/elements"

make -s uninstall B="$BUILD" DESTDIR="$T/root" >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "make uninstall"
}
left=$(find "$T/root" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
