#!/bin/sh
# A real Heat: one-shot and daemon runs leave the very files that the Python
# agent leaves, and each goes on from the other's.  Needs the bed of
# ../shared/tools/heat-testbed to be up.
set -u
. tests/helper/collect.sh
[ -f ../shared/data/heat-stack.yaml ] || { echo "no ../shared"; exit 77; }
curl -s -m 5 -o /dev/null http://127.0.0.1:5000/v3 || { echo "no Heat is up"; exit 77; }
peer=/usr/bin/os-collect-config
head -n 1 $peer 2>/dev/null | grep -q python || { echo "no Python os-collect-config"; exit 77; }
ours=$(command -v os-collect-config)
name=ingot-$$
stacks=
gone() {
	for s in $stacks; do tests/helper/heat-stack delete "$s" 2>/dev/null; done
	finish
}
trap gone EXIT

run() { # program cache [options]: one round; prints OS_CONFIG_FILES
	p=$1 c=$2
	shift 2
	"$p" --config-file "$tmp/conf" --cachedir "$c" --backup-cachedir "$c.backup" \
	    -c 'printenv OS_CONFIG_FILES' --one-time "$@" 2>>"$tmp/err" | sed "s|$c||g"
}
alike() {
	for who in ours peer; do
		rm -rf "$tmp/$who.copy"
		cp -r "$tmp/$who" "$tmp/$who.copy"
		sed -i "s|$tmp/[a-z]*/|CACHE/|g" "$tmp/$who.copy/os_config_files.json"
	done
	diff -r "$tmp/peer.copy" "$tmp/ours.copy"
}
agree() { alike || fail "$1: other files"; } # what
for transport in POLL_SERVER_HEAT POLL_SERVER_CFN; do
	stack=$name-$(echo $transport | tr 'A-Z_' 'a-z-')
	stacks="$stacks $stack"
	tests/helper/heat-stack create "$stack" $transport "$tmp" || fail "create"
	rm -rf "$tmp/ours" "$tmp/peer"
	got=$(run "$ours" "$tmp/ours")
	same "$transport: list" "$got" "$(run $peer "$tmp/peer")"
	[ -n "$got" ] || fail "$transport: nothing"
	agree "$transport: first"
	same "nothing new" "$(run "$ours" "$tmp/ours")" ""

	# An update, taken by each from the other's files.
	tests/helper/heat-stack update "$stack" bonjour || fail "update"
	mv "$tmp/ours" "$tmp/x" && mv "$tmp/peer" "$tmp/ours" && mv "$tmp/x" "$tmp/peer"
	same "$transport: update" "$(run "$ours" "$tmp/ours")" "$(run $peer "$tmp/peer")"
	agree "$transport: update"
	grep -q bonjour "$tmp/ours/10-settings.json" || fail "$transport: old"

	# As daemons.
	rm -rf "$tmp/ours" "$tmp/peer"
	daemons=
	for who in ours peer; do
		program=$ours
		[ $who = ours ] || program=$peer
		"$program" --config-file "$tmp/conf" --cachedir "$tmp/$who" \
		    --backup-cachedir "$tmp/$who.backup" -c true 2>>"$tmp/err" &
		daemons="$daemons $!"
		pids="$pids $!"
	done
	for who in ours peer; do
		within 20 test -s "$tmp/$who/10-settings.json.last" || fail "$who: no daemon"
	done
	tests/helper/heat-stack update "$stack" salut || fail "update"
	for who in ours peer; do
		within 60 grep -q salut "$tmp/$who/10-settings.json.last" || fail "$who: no update"
	done
	# Heat changes one deployment after another: either may see some first.
	within 60 alike || agree "$transport: daemon"
	for p in $daemons; do kill "$p"; done
done
