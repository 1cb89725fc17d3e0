#!/bin/sh
# Input that nobody should have: one clear error, soon, and nothing changes.
set -u
tmp=$(mktemp -d)
trap 'umount "$tmp/full" "$tmp/ro" 2>/dev/null; rm -rf "$tmp"' EXIT
bad=0
mkdir -p "$tmp/t" "$tmp/out" "$tmp/partials"
echo old >"$tmp/out/a"
say() { echo "$*"; bad=1; }

# One line, an exit status of 1, the old file, nothing left over.
refused() { # what pattern command...
	what=$1 pattern=$2
	shift 2
	start=$(date +%s%N)
	timeout 10 "$@" >"$tmp/said" 2>&1 </dev/null
	status=$?
	echo "$what: $((($(date +%s%N) - start) / 1000000)) ms"
	[ $status -eq 1 ] || say "$what: exit status $status: $(cat "$tmp/said")"
	[ "$(grep -vc ': writing ' "$tmp/said")" -eq 1 ] ||
	    say "$what: not one line: $(head -c 1000 "$tmp/said")"
	grep -q "$pattern" "$tmp/said" || say "$what: $(cat "$tmp/said")"
	[ "$(cat "$tmp/out/a")" = old ] || say "$what: changed a file"
	[ "$(ls -A "$tmp/out")" = a ] || say "$what: left something over"
}
apply() { apply-config --state "$tmp/state" -t "$tmp/t" -o "$tmp/out" "$@"; }
try() { # what pattern: with the template t/b, and t/a that would change a
	echo new >"$tmp/t/a"
	refused "$1" "$2" apply-config --state "$tmp/state" -t "$tmp/t" \
	    -o "$tmp/out" -m "$tmp/m.json" --fallback-metadata
	rm -rf "$tmp/t"
	mkdir "$tmp/t"
}

echo '{"v": 1, "l": [1, 2]}' >"$tmp/m.json"
awk 'BEGIN { for (i = 0; i < 10000; i++) printf "{{#v}}"
	for (i = 0; i < 10000; i++) printf "{{/v}}" }' >"$tmp/t/b"
try "nested sections" "b:1:1537: {{#v}}: nested more than 256 deep"

printf 'a {{>loop}}' >"$tmp/partials/loop.mustache"
printf '{{>loop}}' >"$tmp/t/b"
try "a partial in itself" "partial loop:1:3: {{>loop}}: nested more than 256"

awk 'BEGIN { for (i = 0; i < 200; i++) printf "{{#l}}"
	for (i = 0; i < 200; i++) printf "{{/l}}" }' >"$tmp/t/b"
try "loops in loops" "b:1:.*{{#l}}: does not come to an end"

awk 'BEGIN { for (i = 0; i < 16; i++) printf "{{#l}}"
	for (i = 0; i < 2000; i++) printf "x"
	for (i = 0; i < 16; i++) printf "{{/l}}" }' >"$tmp/t/b"
try "text without end" "b:1:.*the text becomes longer than 67108864 bytes"

printf 'a\377b' >"$tmp/t/b"
try "invalid UTF-8" "b: is not UTF-8"

printf 'a\0b' >"$tmp/t/b"
try "a NUL byte" "b: a NUL byte is in the text"

mkfifo "$tmp/t/b"
refused "a FIFO that nobody writes to" "b: nothing is in the pipe" \
    apply-config --render "$tmp/t/b" -m --fallback-metadata
try "a FIFO" "b: is no regular file"

ln -s nothing "$tmp/t/b"
try "a dangling symlink" "b: No such file"

printf '{{v}}' >"$tmp/t/b"
{ printf '{"v": "'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}'; } \
    >"$tmp/m.json"
try "100 MB in a value" "b:1:1: {{v}}: the text becomes longer than"

printf '{"v": "a\0b"}' >"$tmp/m.json"
try "a NUL byte in metadata" "m.json:1:9: control character in string"

awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "[" }' >"$tmp/m.json"
try "nested lists" "m.json:1:513: nested too deeply"

printf '{"v": 1, ' >"$tmp/m.json"
try "half of a file" "Could not parse metadata file: .*m.json:1:10"

echo '{"v": 1}' >"$tmp/m.json"
printf '#!/bin/sh\nexec head -c 70000000 /dev/zero\n' >"$tmp/t/b"
chmod 755 "$tmp/t/b"
try "a program that prints much" "b: printed more than"

printf '#!/no/such/program\n' >"$tmp/t/b"
chmod 755 "$tmp/t/b"
try "a program without an interpreter" "b: the interpreter that it names is not there"

printf '#!/bin/sh\nprintf "\\377"\n' >"$tmp/t/b"
chmod 755 "$tmp/t/b"
try "a program that prints no text" "b: printed no UTF-8"

printf 'b: &b [*b, *b]\n' >"$tmp/t/a.oac"
try "an alias to itself in a control file" "a.oac:1:"

printf '&a [&b [&c [&d [&e [&f [&g [&h [' >"$tmp/t/a.oac"
try "a control file that does not end" "a.oac:"

# Much in one line, and much that is missing, take no more than their length.
# Sanitizers look at all of the rest of a text when a tag is looked for in it.
case $(command -v apply-config) in
*build-san/*) many=100000 ;;
*) many=2000000 ;;
esac
yes '{{{v}}} ' | head -n "$many" | tr -d '\n' >"$tmp/b"
timeout 40 apply-config --render "$tmp/b" -m --fallback-metadata >/dev/null ||
    say "many tags in one line: exit status $?"
seq -f '{{m%.0f}}' 200000 >"$tmp/b"
timeout 40 apply-config --strict --render "$tmp/b" -m --fallback-metadata \
    2>"$tmp/said"
status=$?
[ $status -eq 1 ] || say "many missing names: exit status $status"
grep -q "b:200000:1: {{m200000}}: is missing" "$tmp/said" ||
    say "many missing names: $(tail -n 2 "$tmp/said")"

# A folder where the file should be; the error comes before any change.
mkdir "$tmp/t/dir"
echo x >"$tmp/t/a"
mkdir "$tmp/out/b"
echo x >"$tmp/t/b"
apply -m "$tmp/m.json" 2>"$tmp/said"
status=$?
[ $status -eq 1 ] || say "a folder in the place: exit status $status"
grep -q "out/b: is a folder" "$tmp/said" ||
    say "a folder in the place: $(cat "$tmp/said")"
[ "$(cat "$tmp/out/a")" = old ] || say "a folder in the place: changed a file"
rmdir "$tmp/out/b"

# A file where a folder should be.
rm -rf "$tmp/t"
mkdir -p "$tmp/t/a"
echo x >"$tmp/t/a/b"
refused "a file in the place of a folder" "Not a directory" \
    apply-config --state "$tmp/state" -t "$tmp/t" -o "$tmp/out" -m

# Two runs at once: one of them waits a moment, then says so.
rm -rf "$tmp/t"
mkdir "$tmp/t"
printf '#!/bin/sh\necho 1 >"%s/began"\nsleep 3\necho old\n' "$tmp" >"$tmp/t/a"
chmod 755 "$tmp/t/a"
apply -m 2>/dev/null &
first=$!
for _ in $(seq 100); do [ -e "$tmp/began" ] && break; sleep 0.1; done
apply -m 2>"$tmp/said"
status=$?
[ $status -eq 75 ] || say "two at once: exit status $status"
grep -q "lock: held by another process" "$tmp/said" ||
    say "two at once: $(cat "$tmp/said")"
wait $first || say "two at once: the first one failed"

# A full disk and a disk that may not be written to.
rm -rf "$tmp/t"
mkdir "$tmp/t" "$tmp/full" "$tmp/ro"
if mount -t tmpfs -o size=64k none "$tmp/full" 2>/dev/null &&
    mount -t tmpfs none "$tmp/ro" 2>/dev/null; then
	for f in a b c d; do
		head -c 30000 /dev/zero | tr '\0' x >"$tmp/t/$f"
		echo old >"$tmp/full/$f"
		echo old >"$tmp/ro/$f"
	done
	mkdir "$tmp/t/new"
	echo x >"$tmp/t/new/x"
	mount -o remount,ro "$tmp/ro"
	for d in full ro; do
		apply-config --state "$tmp/state" -t "$tmp/t" -o "$tmp/$d" -m \
		    2>"$tmp/said"
		status=$?
		[ $status -eq 1 ] || say "$d: exit status $status"
		grep -q "No space left\|Read-only" "$tmp/said" ||
		    say "$d: $(cat "$tmp/said")"
		[ "$(cat "$tmp/$d"/*)" = "$(printf 'old\nold\nold\nold')" ] ||
		    say "$d: changed a file"
		[ "$(find "$tmp/$d" -type f | wc -l)" -eq 4 ] ||
		    say "$d: left something over"
	done
	rm -r "$tmp/t/new"
	# With nothing to do the read-only one is no error afterwards.
	for f in a b c d; do echo old >"$tmp/t/$f"; done
	apply-config --state "$tmp/state" -t "$tmp/t" -o "$tmp/ro" -m \
	    2>"$tmp/said" || say "ro, nothing to do: $(cat "$tmp/said")"
	rm -r "$tmp/t"
	mkdir "$tmp/t"
	for f in a b c d; do echo new >"$tmp/t/$f"; done
else
	echo "not tried: a full disk, a read-only one (mount is not allowed)"
fi

# A file that may not be replaced: what was renamed before it goes back.
mkdir "$tmp/imm"
for f in a b c; do echo old >"$tmp/imm/$f"; done
if chattr +i "$tmp/imm/c" 2>/dev/null; then
	apply-config --state "$tmp/state" -t "$tmp/t" -o "$tmp/imm" -m \
	    2>"$tmp/said"
	status=$?
	chattr -i "$tmp/imm/c"
	[ $status -eq 1 ] || say "immutable: exit status $status"
	grep -q "imm/c: Operation not permitted" "$tmp/said" ||
	    say "immutable: $(cat "$tmp/said")"
	[ "$(cat "$tmp/imm"/*)" = "$(printf 'old\nold\nold')" ] ||
	    say "immutable: changed a file: $(ls -A "$tmp/imm")"
	[ "$(find "$tmp/imm" -type f | wc -l)" -eq 3 ] ||
	    say "immutable: left something over"
fi
exit $bad
