#!/bin/sh
# os-refresh-config beside Debian's own: the same bytes and statuses.
# shellcheck disable=SC2016
set -eu
peer=/usr/bin/os-refresh-config
if [ ! -x "$peer" ] || [ ! -x /usr/bin/dib-run-parts ]; then
	echo "no $peer (packages python3-os-refresh-config, python3-dib-utils)"
	exit 77
fi
ours=$(command -v os-refresh-config)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
TZ=UTC
REFRESH_CONFIG_STATE_DIR=$tmp/state
OS_CONFIG_FILES=
export TZ REFRESH_CONFIG_STATE_DIR OS_CONFIG_FILES

script() { # path, text on standard input
	mkdir -p "${1%/*}"
	cat >"$1"
	chmod +x "$1"
}
say='#!/bin/sh
echo "out $0 ${ONE-}"
echo "err" >&2
printf "no line feed"'

for p in pre-configure configure post-configure migration error; do
	echo "$say" | script "$tmp/good/$p.d/10-a"
	echo "$say" | script "$tmp/good/$p.d/9-b"
done
mkdir -p "$tmp/good/environment.d" "$tmp/none" "$tmp/hollow/configure.d"
echo 'export ONE=1' >"$tmp/good/environment.d/10-one"
cp -r "$tmp/good" "$tmp/fail"
printf '#!/bin/sh\necho last words\nexit 3\n' |
    script "$tmp/fail/post-configure.d/50-bad"
cp -r "$tmp/fail" "$tmp/quiet"
rm -r "$tmp/quiet/error.d"
cp -r "$tmp/fail" "$tmp/handlers"
printf '#!/bin/sh\nexit 9\n' | script "$tmp/handlers/error.d/1-bad"
cp -r "$tmp/good" "$tmp/environment"
echo 'exit 5' >"$tmp/environment/environment.d/20-five"
printf '#!/bin/sh\nread line; echo "got $line"\n' |
    script "$tmp/input/configure.d/1-read"
printf '#!/bin/sh\ncat <&3 2>/dev/null; pwd\n' |
    script "$tmp/where/configure.d/1-pwd"
printf '#!/bin/sh\nsleep 60\n' | script "$tmp/slow/configure.d/1-sleep"
mkdir "$tmp/slow/error.d"

clean() {
	sed -E 's/^dib-run-parts .{28} /dib-run-parts DATE /
	    s/^(dib-run-parts DATE .* )[ 0-9]*[0-9]\.[0-9]{3}$/\1 0.000/
	    s/^\[....-..-.. ..:..:..,...\]/[DATE]/' "$1"
}
one() { # program output-name base arguments...
	program=$1 to=$2 base=$3
	shift 3
	s=0
	echo "a line" | OS_REFRESH_CONFIG_BASE_DIR=$tmp/$base "$program" "$@" \
	    --lockfile "$tmp/lock" >"$tmp/$to.out" 2>"$tmp/$to.raw" || s=$?
	clean "$tmp/$to.raw" >"$tmp/$to.err"
	echo "$s" >"$tmp/$to.status"
}
bad=0
both() {
	PATH=/usr/bin:/bin one "$peer" peer "$@"
	one "$ours" ours "$@"
	for k in out err status; do
		diff -u "$tmp/peer.$k" "$tmp/ours.$k" && continue
		echo "^ $k differs: os-refresh-config $*"
		bad=1
	done
}
for d in good fail quiet handlers environment none hollow input where; do
	both $d
	both $d --log-level DEBUG
	both $d --log-level ERROR
done
both none --print-base
both none --print-phases
both slow --timeout 1

# Busy: what it says, and its odd exit status.
exec 8>"$tmp/lock"
flock 8
both good
[ "$(cat "$tmp/ours.status")" = 11 ] || bad=1
exec 8>&-

# What the peer ends with a trace is an error with the same status.
for s in peer ours; do
	p=$peer
	[ $s = ours ] && p=$ours
	r=0
	"$p" --lockfile "$tmp/no/such" 2>"$tmp/$s" || r=$?
	[ $r = 1 ] || { echo "$s: status $r for a lock nowhere"; bad=1; }
	r=0
	"$p" --log-level WARNING 2>"$tmp/$s" || r=$?
	[ $r = 2 ] || { echo "$s: status $r for a level that is none"; bad=1; }
done

# And more than the peer: the run left a report.
[ "$(jq -r .status "$tmp/state/last.json")" = failed ] || {
	echo "no report of the last run"
	bad=1
}
exit $bad
