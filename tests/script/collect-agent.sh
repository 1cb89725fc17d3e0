#!/bin/sh
# The agent as a daemon: what starts a run, what a run sees, and what survives
# signals, restarts, new settings and a new program.
# agent() takes options, but none are needed here.
# shellcheck disable=SC2119
set -u
. tests/helper/collect.sh
d=$ROOT/var/lib/os-collect-config/local-data
mkdir -p "$d"
put() { echo "$2" >"$d/.new" && mv "$d/.new" "$d/$1"; }
: >"$tmp/runs"
runs() { wc -l <"$tmp/runs"; }
has_runs() { [ "$(runs)" -ge "$1" ]; }
json() { jq -r "$1" "$ROOT/run/collect-config/status.json"; }
routes <<'R'
[{"path": "/x", "body": {"n": 1}}]
R
serve
cat >"$ROOT/etc/os-collect-config.conf" <<S
[DEFAULT]
collectors = request
collectors = local
command = $tmp/command
min_polling_interval = 0.2
polling_interval = 0.5
[request]
metadata_url = $URL/x
S
cat >"$tmp/command" <<C
#!/bin/sh
sleep \$(cat $tmp/time)
cat $cache/a.json >>$tmp/runs && echo >>$tmp/runs
exit \$(cat $tmp/status)
C
chmod +x "$tmp/command"
echo 0 >"$tmp/time"
echo 0 >"$tmp/status"

# A file that appears is seen at once; a run at a time; one more for what
# comes meanwhile, and the run sees nothing of it.
put a 1
agent
within 30 has_runs 1 || fail "no first run"
echo 1 >"$tmp/time"
put a 2
within 30 pgrep -P "$agent" >/dev/null || fail "no second run"
for i in 3 4 5; do put a $i; sleep 0.1; done
within 30 has_runs 2 || fail "the second run does not end"
same "what a run sees" "$(tail -n 1 "$tmp/runs")" 2
within 30 has_runs 3 || fail "no third run"
echo 0 >"$tmp/time"
sleep 1
last=$(runs)
[ "$last" -le 4 ] || fail "$last runs"
same "the last" "$(tail -n 1 "$tmp/runs")" 5
same "committed" "$(cat "$cache/a.json.last")" 5

# A failing command: nothing is committed, it is tried again, then it is.
echo 1 >"$tmp/status"
put a 6
within 30 has_runs $((last + 2)) || fail "not tried again"
same "not committed" "$(cat "$cache/a.json.last")" 5
same "pending" "$(json '.command.pending[0]')" a
echo 0 >"$tmp/status"
within 30 grep -q 6 "$cache/a.json.last" || fail "not committed"

# One source is down: its data stays in the list.
routes <<'R'
[{"path": "/x", "status": 503}]
R
within 30 grep -q 'answered 503' "$tmp/err" || fail "no word"
last=$(runs)
put a 7
within 30 has_runs $((last + 1)) || fail "no run"
same "both" "$(jq -c 'map(split("/")[-1])' "$cache/os_config_files.json")" \
    '["request.json","a.json"]'
within 30 sh -c "[ \"\$(jq -r '.sources[0].state' $ROOT/run/collect-config/status.json)\" = stale ]" ||
    fail "the status does not say so"
collect status | grep -q '^request  *stale.*request$' || fail "the status for people"
same "how long" "$(json '.sources[0].failing_since > 0')" true

# Also after a restart, and without a run if nothing changed.
unagent
last=$(runs)
rounds=$(json '.sources[0].rounds')
agent
within 30 sh -c "[ \"\$(jq .pid $ROOT/run/collect-config/status.json)\" = $agent ]" ||
    fail "no status"
sleep 1
same "no run" "$(runs)" "$last"
same "both" "$(jq length "$cache/os_config_files.json")" 2
[ "$(json '.sources[0].rounds')" -gt "$rounds" ] || fail "the counters begin anew"

# What no run succeeded with yet is not lost with the agent, even if its
# source says it no more.
echo 1 >"$tmp/status"
routes <<'R'
[{"path": "/x", "body": {"n": 2}}]
R
within 30 grep -q '"n": 2' "$cache/request.json" || fail "not stored"
within 30 sh -c "[ \"\$(jq -r '.command.last_status' $ROOT/run/collect-config/status.json)\" = 1 ]" ||
    fail "no run that fails"
kill -9 "$agent"
wait "$agent" 2>/dev/null
routes <<'R'
[{"path": "/x", "status": 503}]
R
echo 0 >"$tmp/status"
agent
within 30 grep -q '"n": 2' "$cache/request.json.last" || fail "lost with the agent"

# A corrupt document is set aside and fetched again.
routes <<'R'
[{"path": "/x", "body": {"n": 1}}]
R
unagent
echo '{"n' >"$cache/request.json"
agent
within 30 sh -c "[ \"\$(jq -c . $cache/request.json)\" = '{\"n\":1}' ]" || fail "not fetched"
same "set aside" "$(cat "$cache/request.json.corrupt")" '{"n'
# So is one that somebody removed.
rm "$cache/request.json"
within 30 test -s "$cache/request.json" || fail "not fetched again"

# New settings, SIGHUP, a new program: the same process, again and again.
pid=$agent
last=$(grep -c 'settings or program changed' "$tmp/err")
sed -i 's/polling_interval = 0.5/polling_interval = 0.6/' "$ROOT/etc/os-collect-config.conf"
within 30 sh -c "[ \$(grep -c 'settings or program changed' $tmp/err) -gt $last ]" ||
    fail "new settings are not seen"
put a 8
within 30 grep -q 8 "$cache/a.json.last" || fail "dead after new settings"
kill -HUP "$pid"
within 30 grep -q 'told to start anew' "$tmp/err" || fail "SIGHUP is not seen"
put a 9
within 30 grep -q 9 "$cache/a.json.last" || fail "dead after SIGHUP"
kill -HUP "$pid"
sleep 0.3
put a 10
within 30 grep -q 10 "$cache/a.json.last" || fail "dead after a second SIGHUP"
kill -0 "$pid" || fail "another process"
unagent

# During a run SIGHUP waits for its end.
echo 1 >"$tmp/time"
put a 11
agent
within 30 pgrep -P "$agent" >/dev/null || fail "no run"
kill -HUP "$agent"
within 30 grep -q 11 "$cache/a.json.last" || fail "the run was lost"
echo 0 >"$tmp/time"
unagent

# The program is replaced by a new version.
cp "$(command -v collect-config)" "$tmp/collect-config"
"$tmp/collect-config" --root "$ROOT" 2>>"$tmp/err" &
agent=$!
pids="$pids $agent"
within 30 sh -c "[ \"\$(jq .pid $ROOT/run/collect-config/status.json)\" = $agent ]" || fail "copy"
: >"$tmp/err"
cp "$(command -v collect-config)" "$tmp/new"
mv "$tmp/new" "$tmp/collect-config"
within 30 grep -q 'settings or program changed' "$tmp/err" || fail "a new program is not seen"
within 30 sh -c "[ \"\$(stat -L -c %i /proc/$agent/exe)\" = $(stat -c %i "$tmp/collect-config") ]" ||
    fail "the old program still runs"
put a 12
within 30 grep -q 12 "$cache/a.json.last" || fail "dead after a new program"
unagent

# Killed at any moment, the cache is whole.
for i in 1 2 3 4 5 6 7 8 9 10; do
	agent
	put a "$(seq -s , 1 $((i * 500)) | sed 's/.*/[&]/')"
	sleep "0.0$i"
	kill -9 "$agent"
	wait "$agent" 2>/dev/null
	for f in "$cache"/*.json "$cache"/*.last; do
		jq empty "$f" || fail "$f is not whole"
	done
done

# systemd is told, and the command runs in its unit.
cat >"$tmp/systemctl" <<S
#!/bin/sh
echo "\$*" >>$tmp/systemctl.log
sed -i "s|/run/collect-config|$ROOT/run/collect-config|g" $ROOT/run/collect-config/command
[ -e $tmp/busy ] && { rm $tmp/busy; exit 0; }
sh $ROOT/run/collect-config/command
S
chmod +x "$tmp/systemctl"
touch "$tmp/busy"
PATH=$tmp:$PATH
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)' "$tmp/notify" >"$tmp/told" &
pids="$pids $!"
within 30 test -S "$tmp/notify" || fail "no socket"
NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=400000 collect-config --root "$ROOT" \
    --command-unit my.service -c "echo \"it's \$\$OS_CONFIG_FILES\" >>$tmp/unit; exit \$\$(cat $tmp/status)" \
    2>>"$tmp/err" &
agent=$!
pids="$pids $agent"
put a 13
within 30 test -s "$tmp/unit" || fail "nothing runs in the unit"
same "in the unit" "$(head -n 1 "$tmp/unit")" \
    "it's /var/lib/os-collect-config/request.json:/var/lib/os-collect-config/a.json"
same "busy at first" "$(tr '\n' ' ' <"$tmp/systemctl.log")" "start my.service start my.service "
within 30 grep -q 13 "$cache/a.json.last" || fail "not committed"
echo 3 >"$tmp/status"
put a 14
within 30 grep -q 'exit status 3' "$tmp/err" || fail "the status of the unit"
within 30 grep -q WATCHDOG=1 "$tmp/told" || fail "no sign of life"
unagent
same "told" "$(grep -c READY=1 "$tmp/told") $(grep -c STOPPING=1 "$tmp/told")" "1 1"
