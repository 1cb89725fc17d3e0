#!/bin/sh
# Zaqar, by HTTP and by websocket: a message is removed once it is safely
# stored, and not before.
set -u
. tests/helper/collect.sh
: >"$tmp/log"
tests/helper/zaqar-play "$tmp/log" >"$tmp/port" &
pids="$pids $!"
within 30 test -s "$tmp/port" || fail "the server does not start"
PORT=$(cat "$tmp/port")
URL=http://127.0.0.1:$PORT
put() { curl -s -f -d "$1" "$URL/test" || fail "put"; }
left() { curl -s "$URL/test" | jq length; }
empty() { [ "$(left)" = 0 ]; }
cat >"$ROOT/etc/os-collect-config.conf" <<S
[DEFAULT]
collectors = zaqar
[zaqar]
auth_url = $URL/v3
user_id = u
password = p
project_id = pr
queue_id = q 1
S

# By HTTP: the newest of several, deployments too, then all are removed.
same "empty" "$(collect --one-time -c 'echo ran')" ""
put '{"n": 1}'
put '{"n": 2, "deployments": [{"name": "d", "config": {"x": 1}}]}'
collect --one-time -c true || fail "once"
same "newest" "$(document zaqar | jq -c .n) $(document d)" '2 {"x":1}'
same "removed" "$(left)" 0
same "asked" "$(sort "$tmp/log" | uniq -c | tr -s ' \n' ' ')" \
    ' 1 delete m1 m2 2 list tok pr 1 token '

# What cannot be stored is not removed; what is no metadata is.
if [ "$(id -u)" = 0 ]; then
	put '{"n": 3}'
	rm -r "$cache"
	echo >"$cache"
	collect --one-time -c true && fail "stored, where?"
	same "not removed" "$(left)" 1
	rm "$cache"
	collect --one-time -c true || fail "then"
	same "then" "$(document zaqar) $(left)" '{"n":3} 0'
fi
put '["no map"]'
same "no map" "$(collect --one-time -c 'echo ran')" ""
same "waste is removed" "$(left)" 0
put '{"n": 4}'
same "print" "$(collect --print | jq -c .zaqar)" '{"n":4}'
same "print removes nothing" "$(left)" 1

# By websocket: what waits is taken, what comes is told of.
echo 'use_websockets = true' >>"$ROOT/etc/os-collect-config.conf"
: >"$tmp/log"
agent -c "jq -c . $cache/zaqar.json >>$tmp/runs"
within 30 grep -q '"n":4' "$tmp/runs" || fail "what waited"
within 30 empty || fail "not removed"
within 30 sh -c "[ \$(grep -c subscription '$tmp/log') -eq 2 ]" || fail "no second wait"
sleep 0.2
put '{"n": 5}'
within 30 grep -q '"n":5' "$tmp/runs" || fail "what came"
within 30 empty || fail "not removed"
same "actions" "$(sed -n 's/^socket //p' "$tmp/log" | head -n 6 | tr '\n' ';')" \
    "authenticate tok;queue_create -;subscription_create -;message_list -;authenticate tok;message_delete_many -;"
kill -0 "$agent" || fail "the agent is gone"
unagent
