#!/bin/sh
# A set that is not confirmed goes back by itself, even if whoever waited for
# the confirmation was killed, and stays if it was confirmed.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/t" "$tmp/out"
echo '{{a}}' >"$tmp/t/f"
bad=0
apply() { # value option...
	echo "{\"a\": \"$1\"}" >"$tmp/m.json"
	shift
	apply-config --root "$tmp" -t /t -o /out -m /m.json "$@" || bad=1
}
is() { # value what
	[ "$(cat "$tmp/out/f" 2>&1)" = "$1" ] || {
		echo "$2: $(cat "$tmp/out/f" 2>&1), wanted $1"
		bad=1
	}
}
becomes() { # value what
	for _ in $(seq 200); do
		[ "$(cat "$tmp/out/f" 2>&1)" = "$1" ] && break
		sleep 0.1
	done
	is "$1" "$2"
}
pending() { find "$tmp/var" -name pending | grep -q .; }
settled() { # what: nothing is to be confirmed, and nobody waits for it
	for _ in $(seq 200); do
		pending || [ -n "$(watchers)" ] || return
		sleep 0.1
	done
	echo "$1: still pending, or somebody waits"
	bad=1
}
watchers() { # the processes that wait for a confirmation here
	for p in /proc/[0-9]*; do
		line=
		read -r line 2>/dev/null <"$p/cmdline"
		case $line in
		apply-config--root"$tmp"-*) echo "${p#/proc/}" ;;
		esac
	done 2>/dev/null
}

apply first
apply second --confirm-within 1
becomes first "not confirmed"
settled "not confirmed"

# Who confirms it yet is told, once, and nobody when another set came since.
confirmed() { # status what
	apply-config --root "$tmp" -o /out --confirm 2>"$tmp/said"
	status=$?
	[ "$status$(grep -c "too late" "$tmp/said")" = "$1$1" ] && return
	echo "$2: status $status: $(cat "$tmp/said")"
	bad=1
}
confirmed 1 "a late confirmation"
confirmed 0 "nothing to confirm"
is first "a late confirmation"
apply second --confirm-within 1
becomes first "not confirmed again"
settled "not confirmed again"
apply next
confirmed 0 "another set came"
apply first

# Two sets while none was confirmed: both are gone.
apply third --confirm-within 60
apply fourth --confirm-within 1
becomes first "two not confirmed"
settled "two not confirmed"

# An ordinary run does not confirm what came before it.
apply fifth --confirm-within 4
apply sixth
becomes first "an ordinary run in between"
settled "an ordinary run in between"

# The process that waits is killed: the next run finds that it is late, and
# a confirmation that it comes too late.
for next in --recover --confirm; do
	apply seventh --confirm-within 3
	killed=$(watchers)
	for p in $killed; do kill -9 "$p"; done
	[ -n "$killed" ] || { echo "nobody waited"; bad=1; }
	if ! pending; then
		echo "slow machine: it was over before the watcher was killed"
		continue
	fi
	sleep 3.2
	is seventh "nobody waits"
	apply-config --root "$tmp" -o /out $next 2>"$tmp/said"
	status=$?
	case $next$status$(grep -c "too late" "$tmp/said") in
	--recover00 | --confirm11) ;;
	*) echo "$next: status $status: $(cat "$tmp/said")"; bad=1 ;;
	esac
	is first "$next when it was late"
done

# Confirmed: whoever waited goes at once.
apply eighth --confirm-within 60
apply-config --root "$tmp" -o /out --confirm || bad=1
settled "confirmed"
is eighth "confirmed"
for p in $(watchers); do kill "$p"; done
exit $bad
