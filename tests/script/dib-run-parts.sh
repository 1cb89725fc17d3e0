#!/bin/sh
# dib-run-parts beside Debian's own: the same bytes on both streams and the
# same status, for every folder below.
# shellcheck disable=SC2016
set -eu
peer=/usr/bin/dib-run-parts
[ -x "$peer" ] || {
	echo "no $peer (package python3-dib-utils)"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
TZ=UTC
export TZ
cd "$tmp"

script() { # path, text on standard input
	mkdir -p "${1%/*}"
	cat >"$1"
	chmod +x "$1"
}
echo_name='#!/bin/sh
echo "${0} ${ONE-} ${TWO-} ${THREE-}"
echo "on stderr" >&2'

for name in A1 foo 1A 9-b 010-z 10-a 10-b 100-c 000 00a -5 _x 3 \
    18446744073709551616-big dotted.sh 'back~' .hidden 'with blank'; do
	echo "$echo_name" | script "order/s.d/$name"
done
echo "$echo_name" >order/s.d/50-plain
mkdir order/s.d/60-folder
ln -s 10-a order/s.d/55-link
ln -s nowhere order/s.d/56-dangling

mkdir -p env/environment.d
cp -r order/s.d env/s.d
cat >env/environment.d/10-one.bash <<'X'
list=(one two)
export ONE=${list[1]}
f() { export TWO="a b
c"; }
f
X
echo 'export THREE=$ONE-$(echo three); echo "fragment speaks"' \
    >env/environment.d/9-three
echo 'export NEVER=1' >'env/environment.d/no blank'
echo 'return 0; export NEVER=1' >env/environment.d/95_early

cp -r env early
echo 'exit 0' >early/environment.d/20-stop
cp -r env unset
echo 'echo "$NOT_SET"' >unset/environment.d/20-unset
cp -r env status
echo 'exit 7' >status/environment.d/20-seven

mkdir -p fail
cp -r order/s.d fail/s.d
printf '#!/bin/sh\nexit 5\n' | script fail/s.d/10-aa
printf 'echo "no interpreter: ${BASH_VERSION:+bash}"\n' | script plain/s.d/1-x
mkdir -p empty/s.d
printf '#!/bin/sh\nread line; echo "got $line"\n' | script input/s.d/1-x
printf '#!/bin/sh\nulimit -n\nls /proc/self/fd | wc -l\n' | script clean/s.d/1-x

# Times, dates and bash's name for itself differ for good reasons.
clean() {
	sed -E 's/^dib-run-parts .{28} /dib-run-parts DATE /
	    s/^(dib-run-parts DATE .* )[ 0-9]*[0-9]\.[0-9]{3}$/\1 0.000/
	    s/line [0-9]+: /line N: /' "$1"
}
one() { # program output-name arguments...
	program=$1 to=$2
	shift 2
	s=0
	echo "a line" | "$program" "$@" >"$tmp/$to.out" 2>"$tmp/$to.raw" || s=$?
	clean "$tmp/$to.raw" >"$tmp/$to.err"
	echo "$s" >"$tmp/$to.status"
}
bad=0
both() {
	one "$peer" peer "$@"
	one dib-run-parts ours "$@"
	for k in out err status; do
		diff -u "$tmp/peer.$k" "$tmp/ours.$k" && continue
		echo "^ $k differs: dib-run-parts $*"
		bad=1
	done
}
for d in order env early unset status fail plain empty input clean; do
	both "$d/s.d"
	both --list "$d/s.d"
	both "$tmp/$d/s.d/"
done
both
both --list
both nowhere
both --list nowhere
(cd env && both s.d)
RUN_PARTS_REGEX='^1.*$' && export RUN_PARTS_REGEX
both order/s.d
RUN_PARTS_REGEX='^[^ ]*$'
both --list order/s.d
exit $bad
