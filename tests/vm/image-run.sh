#!/bin/sh
# image-run with a disk made here: a boot sector that prints and halts. It
# never reports, so this is the way of an image that does not boot; and
# whatever ends image-run, QEMU and the overlay must go with it.
set -u
command -v qemu-system-x86_64 >/dev/null || { echo "no QEMU"; exit 77; }
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
mkdir "$tmp/work"
TMPDIR=$tmp/work
export TMPDIR
bad=0
fail() { echo "not so: $*"; bad=1; cat "$tmp/err"; }
is() { [ "$2" = "$3" ] || fail "$1: got \"$2\", wanted \"$3\""; }

# xor ax,ax; mov ds,ax; mov dx,3f8h; mov si,text; next: lodsb; test al,al;
# jz end; out dx,al; jmp next; end: hlt; jmp end; text: ...
sector() { # text
	{
		printf '\061\300\216\330\272\370\003\276\025\174'
		printf '\254\204\300\164\003\356\353\370\364\353\375'
		printf '%b\0' "$1"
	} >"$tmp/sector"
	truncate -s 510 "$tmp/sector"
	printf '\125\252' >>"$tmp/sector"
	truncate -s 1M "$tmp/sector"
}
# The processes of QEMU that run our overlay.
machines() { pgrep -f "^qemu-system-x86_64.*$TMPDIR/" | wc -l; }
gone() {
	for _ in $(seq 50); do
		[ "$(machines)" = 0 ] && [ -z "$(ls -A "$TMPDIR")" ] && return
		sleep 0.1
	done
	fail "$1 left: $(machines) machines, $(ls -A "$TMPDIR")"
}
up() { # wait for the console of what was started with a new $tmp/err
	for _ in $(seq 100); do
		grep -qs 'still here' "$tmp/err" && return
		sleep 0.1
	done
	fail "the machine did not come up"
}
launch() { # option...
	rm -f "$tmp/err"
	image-run "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	up
}

# ---- it does not boot
sector '\r\nnothing to see\r\n\033[31mstill here\033[0m\r\n'
for f in raw qcow2; do
	qemu-img convert -O $f "$tmp/sector" "$tmp/disk.$f"
	sum=$(sha256sum "$tmp/disk.$f")
	image-run --timeout 4 "$tmp/disk.$f" >"$tmp/out" 2>"$tmp/err"
	is "$f: status" $? 1
	is "$f: error" "$(grep -c "no report within 4 s; the console's tail:" "$tmp/err")" 1
	is "$f: tail" "$(grep -E '^console: .*(to see|here)$' "$tmp/err")" \
	    "$(printf 'console: nothing to see\nconsole: still here')"
	is "$f: stdout" "$(wc -c <"$tmp/out")" 0
	is "$f: image" "$(sha256sum "$tmp/disk.$f")" "$sum"
	gone "$f"
done
image-run -q -e --timeout 3 "$tmp/disk.raw" >"$tmp/out" 2>"$tmp/err"
is "exit-on-signal: status" $? 1
is "quiet: first line" "$(head -n 1 "$tmp/err")" \
    "image-run: no report within 3 s; the console's tail:"

# ---- what QEMU refuses is said
image-run --timeout 5 "$tmp/disk.raw" -- -device none-such >"$tmp/out" 2>"$tmp/err"
is "refused: status" $? 1
is "refused: error" "$(tail -n 1 "$tmp/err" | grep -c "image-run: .*none-such")" 1
gone refused

# ---- a report that arrives while it runs; a forwarded port; the end
launch -v -e --listen 127.0.0.1:0 --forward 0:80 --timeout 60 "$tmp/disk.qcow2"
forward=$(sed -n 's/^forward 127.0.0.1:\([0-9]*\) to port 80 of the machine$/\1/p' "$tmp/out")
curl -s -m 1 "http://127.0.0.1:$forward/" >/dev/null
case $? in 28 | 52 | 56) ;; *) fail "forwarded port $forward: nobody listens" ;; esac
url=$(tr '\0' '\n' <"/proc/$(pgrep -f "^qemu-system-x86_64.*$TMPDIR/")/cmdline" |
    sed -n 's/.*ingot.metadata=http:..10.0.2.2:\(.*\)/http:\/\/127.0.0.1:\1/p')
is "asked" "$(curl -s "$url" | jq -r '.["refresh-config"].signal_url')" \
    "${url%metadata}signal"
is "sent" "$(curl -s -o /dev/null -w '%{http_code}' \
    -d '{"status":"success","hooks":[]}' "${url%metadata}signal")" 200
wait $pid
is "reported: status" $? 0
is "reported: stdout" "$(tail -n 1 "$tmp/out")" "report: success"
gone reported

# ---- however it ends, nothing stays
for s in TERM INT HUP KILL; do
	launch -v --timeout 60 "$tmp/disk.raw"
	is "$s: runs" "$(machines)" 1
	kill -$s $pid
	wait $pid 2>/dev/null
	got=$?
	case $s in
	KILL) is "$s: status" $got 137 ;;
	*) is "$s: status" $got 0 ;;
	esac
	gone "$s"
done
pid=
exit $bad
