#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A user without a home can apply a configuration, but not with a state folder
# that somebody else made.
set -u
user=54321
state=/var/tmp/apply-config-$user
[ "$(id -u)" = 0 ] || { echo "needs root, to be another user"; exit 77; }
command -v setpriv >/dev/null || { echo "needs setpriv"; exit 77; }
[ ! -e "$state" ] || { echo "$state is in use"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir" "$state"' EXIT
bad=0
fail()
{
	echo "$*"
	cat "$dir/err"
	bad=1
}
mkdir -p "$dir/t/etc" "$dir/o"
echo 'v={{v}}' >"$dir/t/etc/f"
cp "$BUILD/bin/apply-config" "$dir"
chmod 755 "$dir"
chown $user "$dir/o"
apply()
{
	echo "{\"v\": $1}" >"$dir/m"
	shift
	setpriv --reuid=$user --regid=$user --clear-groups "$@" \
		"$dir/apply-config" -t "$dir/t" -o "$dir/o" -m "$dir/m" \
		--fallback-metadata 2>"$dir/err"
}

apply 1 env -u HOME -u XDG_STATE_HOME || fail "without HOME: $?"
[ "$(cat "$dir/o/etc/f")" = v=1 ] || fail "without HOME: not written"
[ "$(stat -c '%U %a' "$state")" = "UNKNOWN 700" ] || fail "not private"
apply 2 env -u XDG_STATE_HOME HOME=/nonexistent || fail "no such HOME: $?"
[ "$(cat "$dir/o/etc/f")" = v=2 ] || fail "no such HOME: not written"

chown 54322 "$state"
chmod 777 "$state"
apply 3 env -u HOME -u XDG_STATE_HOME && fail "another user's is trusted"
grep -q "not this user's own" "$dir/err" || fail "another message"
[ "$(cat "$dir/o/etc/f")" = v=2 ] || fail "written though it was refused"
exit $bad
