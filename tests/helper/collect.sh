#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# For tests of collect-config: a scratch root in $ROOT, a server that plays
# $tmp/routes at $URL and notes requests in $tmp/log, and ways to look.
# All of it is gone at the end.
tmp=$(mktemp -d)
ROOT=$tmp/root
cache=$ROOT/var/lib/os-collect-config
pids=
play=
mkdir -p "$ROOT/etc" "$ROOT/proc" "$ROOT/var/lib" "$ROOT/run"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
unset NOTIFY_SOCKET OS_CONFIG_FILES

finish() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAILED: $*"
	for f in "$tmp"/err* "$tmp"/log; do
		[ -f "$f" ] && echo "-- $f" && tail -n 40 "$f"
	done
	exit 1
}
routes() { cat >"$tmp/routes.new" && mv "$tmp/routes.new" "$tmp/routes"; }
serve() { # with the options of http-play in $play
	: >>"$tmp/log"
	: >"$tmp/port"
	# shellcheck disable=SC2086
	tests/helper/http-play "$tmp/routes" "$tmp/log" $play >"$tmp/port" &
	server=$!
	pids="$pids $server"
	within 30 test -s "$tmp/port" || fail "the server does not start"
	PORT=$(cat "$tmp/port")
	export URL="http://127.0.0.1:$PORT"
}
unserve() {
	kill "$server"
	wait "$server" 2>/dev/null
}
within() { # seconds command...: until it succeeds
	n=$(($1 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.05
	done
}
requests() { grep -c "$1" "$tmp/log"; } # pattern: how many
collect() { collect-config --root "$ROOT" "$@" 2>>"$tmp/err"; }
agent() { # [options]: in the background, as $agent
	collect-config --root "$ROOT" "$@" 2>>"$tmp/err" &
	agent=$!
	pids="$pids $agent"
}
unagent() { # a leak counts as a failure too, under sanitizers
	kill "$agent"
	wait "$agent" || fail "the agent ended with status $?"
}
same() { # what got want
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}
document() { jq -S -c . "$cache/$1.json"; } # name
