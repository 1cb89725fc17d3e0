#!/bin/sh
# How image-run is called, and what it would do (--dry-run).
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
refused() { # status, words of the message, arguments
	want=$1 words=$2
	shift 2
	image-run "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	if [ $got -ne "$want" ] || ! grep -q -e "$words" "$tmp/err" ||
	    [ "$(wc -l <"$tmp/err")" -ne 1 ] || [ -s "$tmp/out" ]; then
		echo "image-run $*: status $got, wanted $want and \"$words\":"
		cat "$tmp/out" "$tmp/err"
		bad=1
	fi
}
same() { # what got want
	[ "$2" = "$3" ] && return
	echo "$1: got \"$2\", wanted \"$3\""
	bad=1
}
head -c 1048576 /dev/zero >"$tmp/a,b.img"
printf 'QFI\373' >"$tmp/q.img"
: >"$tmp/empty.img"
i=$tmp/a,b.img

refused 2 'no image' --timeout 5
refused 2 'one image' "$i" "$i"
refused 2 'boots no image' --serve-only "$i"
refused 2 'no such option' --frobnicate "$i"
refused 2 'not a number' --timeout soon "$i"
refused 2 'not a number' --timeout -1 "$i"
refused 2 'HOSTPORT:GUESTPORT' --forward 80 "$i"
refused 2 'HOSTPORT:GUESTPORT' --forward '80:80,guestfwd=tcp::1-cmd:x' "$i"
refused 2 'ADDRESS:PORT' --listen 8080 "$i"
refused 2 'not an IPv4 address' --listen localhost:80 "$i"
refused 2 '--memory' --memory 0 "$i"
refused 2 '--cpus' --cpus 1000 "$i"
refused 1 'No such file' "$tmp/none.img"
refused 1 'empty' "$tmp/empty.img"
refused 1 'neither a file nor a disk' "$tmp"
refused 1 'neither a file nor a disk' /dev/null

image_run=$(command -v image-run)
PATH=/nowhere "$image_run" "$i" >"$tmp/out" 2>"$tmp/err"
same "without QEMU: status" $? 1
same "without QEMU: error" "$(cat "$tmp/err")" "image-run: qemu-img is not installed"

image-run --dry-run --forward 0:80 --memory 512 --cpus 1 "$i" \
    -- -device foo,bar=1 >"$tmp/plan" || bad=1
same format "$(jq -r .format "$tmp/plan")" raw
same timeout "$(jq -r .timeout "$tmp/plan")" 600
same backing "$(jq -r '.overlay | .[index("-b") + 1]' "$tmp/plan")" "$i"
same memory "$(jq -r '.machine | .[index("-m") + 1]' "$tmp/plan")" 512
same extra "$(jq -r '.machine[-2:] | join(" ")' "$tmp/plan")" '-device foo,bar=1'
same smbios "$(jq -r '.machine | .[index("-smbios") + 1]' "$tmp/plan")" \
    type=11,value=ingot.metadata=http://10.0.2.2:0/metadata
same qcow2 "$(image-run -n "$tmp/q.img" | jq -r .format)" qcow2
same again "$(image-run -n --forward 0:80 --memory 512 --cpus 1 "$i" \
    -- -device foo,bar=1)" "$(cat "$tmp/plan")"
same "nothing left" "$(ls "$tmp")" "$(printf 'a,b.img\nempty.img\nerr\nout\nplan\nq.img')"
exit $bad
