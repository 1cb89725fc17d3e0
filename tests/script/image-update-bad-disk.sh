#!/bin/sh
# A file of the current slot that cannot be read does not keep the machine
# from the next image: all of that one is brought, and the old slot stays.
set -eu
. tests/lib.sh
need_root
scratch
command -v "${CC:-cc}" >/dev/null || skip "needs a C compiler"
"${CC:-cc}" -shared -fPIC -o "$T/read-error.so" tests/helper/read-error.c
S=$T/slots
for v in 1:a 2:b; do
	t=$T/${v#*:}
	mkdir -p "$t/etc" "$t/opt"
	echo same >"$t/etc/same"
	head -c 100000 /dev/zero >"$t/etc/same as before"
	echo "${v#*:}" >"$t/etc/change"
	[ "$v" = 1:a ] && name=here || name=there # the same bytes elsewhere
	echo moved >"$t/opt/$name"
	image-update --image-version "${v%:*}" --name web describe "$t" >"$t.contents"
done
bad() { # FILE: of the current slot
	inode=$(stat -c %i "$S/current/$1")
	old=$(readlink "$S/current")
	READ_ERROR=$inode LD_PRELOAD=$T/read-error.so \
		ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS-} \
		image-update --unsigned --slots "$S" apply "$T/b" 2>"$T/err" ||
		fail "$1 keeps the machine on the old image: $(cat "$T/err")"
	image-update -q --unsigned --contents "$T/b.contents" verify "$S/current"
	[ "$(readlink "$S/previous")" = "$old" ] || fail "$1: no way back"
	[ "$(stat -c %i "$S/previous/$1")" = "$inode" ] || fail "$1: the old slot changed"
}
begin() {
	rm -rf "$S"
	image-update -q --unsigned --slots "$S" apply "$T/a"
}
begin
bad etc/same # a link to it would do
has "staging: etc/same: Input/output error" "$T/err"
has "the current slot is damaged" "$T/err"
[ "$(stat -c %i "$S/current/etc/same")" != "$inode" ] || fail "the file that cannot be read"
begin
bad opt/here # a copy of it would do
has "opt/here: Input/output error" "$T/err"
is_linked() { [ "$(stat -c %i "$S/current/$1")" = "$(stat -c %i "$S/previous/$1")" ]; }
is_linked etc/same || fail "for a file that is copied all is brought anew"
