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
	image-fetch apply-config refresh-config send-signals; do
	"$bin/$program" --version >"$T/version" || fail "$program --version"
done
(
	cd "$T"
	unset ELEMENTS_PATH
	"$bin/element-info" debian vm block-device-vm ingot-agent
) >"$T/elements"
has ingot-agent "$T/elements"

# The elements that bring programs name the packages of all they link.
linked() { # element program...
	element=$1
	shift
	listed=$(for e in "$element" $(cat "elements/$element/element-deps"); do
		sed -n 's/^\([a-z0-9.+-]*\):.*/\1/p' \
			"elements/$e/package-installs.yaml" 2>/dev/null || :
	done)
	# shellcheck disable=SC2086
	known=$(echo "libc6 $listed" && dpkg-query -W \
		-f '${Pre-Depends} ${Depends} ' $listed dpkg)
	known=$(echo "$known" | tr '\n,(' '   ')
	for program; do
		objdump -p "$bin/$program" | sed -n 's/ *NEEDED *//p'
	done | grep -v '^lib[a-z]*san\.' | sort -u >"$T/needed"
	while read -r library; do
		found=
		packages=$(dpkg -S "*/$library" | cut -d: -f1)
		for package in $packages; do
			case " $known " in
			*" $package "*) found=$package ;;
			esac
		done
		[ -n "$found" ] ||
			fail "$element names no package of $library: $packages"
	done <"$T/needed"
	[ -s "$T/needed" ] || fail "$element: nothing is linked"
}
linked image-update image-update image-fetch
linked ingot-agent collect-config refresh-config send-signals apply-config
has package-installs "$T/elements"

make -s uninstall B="$BUILD" DESTDIR="$T/root" >"$T/log" 2>&1 || {
	cat "$T/log"
	fail "make uninstall"
}
left=$(find "$T/root" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
