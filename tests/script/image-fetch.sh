#!/bin/sh
# image-fetch alone: what it is asked for, what it answers, and that it has no
# rights; and an image-fetch that lies to image-update.
set -eu
. tests/lib.sh
scratch
mkdir "$T/www" "$T/bin"
seq 100000 >"$T/www/numbers"
size=$(stat -c %s "$T/www/numbers")
# shellcheck disable=SC2119 # without variables
serve

# Parts in any order, up to the end, behind it, and of a server without ranges.
printf '6 8\n0 2\n588890 -\n2 0\n999999 5\n' >"$T/requests"
{
	printf 'data 8 %d\n4\n5\n6\n7\nend 0 %d\n' "$size" "$size"
	printf 'data 2 %d\n1\nend 0 %d\n' "$size" "$size"
	printf 'data 5 %d\n0000\nend 0 %d\n' "$size" "$size"
	printf 'end 0 %d\nend 0 %d\n' "$size" "$size"
} >"$T/want"
for manner in good plain; do
	image-fetch "$U/$manner/numbers" <"$T/requests" >"$T/got" 2>"$T/err" ||
		fail "$manner: status $?"
	cmp "$T/want" "$T/got" || fail "$manner: another answer"
done

# All of it, in blocks.
echo "0 -" | image-fetch "$U/good/numbers" | python3 -c '
import sys
whole = b""
while True:
    word, n, size = sys.stdin.buffer.readline().split()
    data = sys.stdin.buffer.read(int(n))
    if word != b"data":
        break
    assert 0 < int(n) <= 65536 and int(size) == '"$size"'
    whole += data
assert word == b"end" and not sys.stdin.buffer.read()
sys.stdout.buffer.write(whole)' >"$T/got"
cmp "$T/www/numbers" "$T/got" || fail "not all of it"

# What is not there is a word, and the next request is answered too.
printf '0 5\n0 5\n' | image-fetch "$U/good/none" >"$T/got"
[ "$(grep -o 'missing [1-9][0-9]* -' "$T/got" | wc -l)" = 2 ] || fail "not missing"
for line in "0" "x 5" "0 5 7" "-" "0 -x" ""; do
	status=0
	echo "$line" | image-fetch "$U/good/numbers" >"$T/got" 2>"$T/err" ||
		status=$?
	[ "$status" = 1 ] || fail "\"$line\": status $status"
	has 'no "OFFSET LENGTH"' "$T/err"
done
status=0
image-fetch </dev/null 2>"$T/err" || status=$?
[ "$status" = 2 ] || fail "without a URL: status $status"

# While it waits it is nobody, who can gain nothing.
mkfifo "$T/ask"
image-fetch "$U/good/numbers" <"$T/ask" >"$T/got" &
child=$!
exec 8>"$T/ask"
echo "0 2" >&8
i=0
while ! grep -q '^end' "$T/got"; do
	i=$((i + 1))
	[ "$i" -lt 600 ] || fail "no answer"
	sleep 0.1
done
grep -q '^NoNewPrivs:.*1$' "/proc/$child/status" || fail "it can gain rights"
[ "$(id -u)" != 0 ] || {
	grep -qE '^Uid:.65534.65534.65534.65534$' "/proc/$child/status" ||
		fail "it is not nobody"
	grep -qE '^Gid:.65534.65534.65534.65534$' "/proc/$child/status" ||
		fail "it has a group"
	grep -qE '^Groups:[[:space:]]*$' "/proc/$child/status" ||
		fail "it has groups"
	grep -qE '^CapEff:.0*$' "/proc/$child/status" ||
		fail "it has capabilities"
}
exec 8>&-
wait "$child"
exec 9>&-

# One that does not keep to it: an error, and soon.
cp "$(command -v image-update)" "$T/bin/"
lies() { # WHAT IT SAYS
	printf '#!/bin/sh\nread -r _\nprintf "%s"\n' "$1" >"$T/bin/image-fetch"
	chmod 755 "$T/bin/image-fetch"
	status=0
	"$T/bin/image-update" --unsigned --slots "$T/slots" apply \
		"$U/web.contents" 2>"$T/err" || status=$?
	[ "$status" = 1 ] || fail "\"$1\": status $status"
	grep -qE "$2" "$T/err" || {
		cat "$T/err"
		fail "\"$1\": not told"
	}
	[ ! -e "$T/slots/current" ] || fail "\"$1\": a slot"
}
answers="image-fetch does not answer as it has to"
for text in '' 'data' 'data 5 -\nabc' 'data 0 -\n' 'data 70000 -\n' \
	'data 300 -\n' 'data -1 -\n' 'data 5 x\nabcde' 'else 3 -\nabc' \
	'missing 9999999 -\nabc' 'missing 10 -\nabc' 'end 5 -\nabcde' \
	'0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\n'; do
	lies "$text" "$answers"
done
lies 'wrong 4 -\nabc\n' 'abc'
lies 'data 4 4\nabc\nend 0 4\n' 'no list'
rm "$T/bin/image-fetch"
PATH=/usr/bin:/bin
export PATH
status=0
"$T/bin/image-update" --unsigned --slots "$T/slots" apply \
	"$U/web.contents" 2>"$T/err" || status=$?
[ "$status" = 1 ] || fail "without image-fetch: status $status"
has "image-fetch cannot be started" "$T/err"
