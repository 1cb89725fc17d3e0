#!/bin/sh
# Heat's deployments: each once to its hook, and the answer to Heat, whatever
# the hook does.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/refresh-config.lib

# No setting of the machine's own gets in.
unset HEAT_CONFIG_HOOKS HEAT_CONFIG_NOTIFY OS_CONFIG_FILES || :
HEAT_SHELL_CONFIG=$tmp/deployments.json
HEAT_CONFIG_DEPLOYED=$tmp/deployed
HEAT_SCRIPT_WORKING=$tmp/working
HEAT_SCRIPT_OUTPUTS=$tmp/outputs
export HEAT_SHELL_CONFIG HEAT_CONFIG_DEPLOYED HEAT_SCRIPT_WORKING \
    HEAT_SCRIPT_OUTPUTS
HOOKS=$LIBEXEC/deploy.d
cp -r hooks/. "$LIBEXEC"

# A deployment: id, group, config; more inputs, outputs as JSON.
item() {
	jq -n --arg id "$1" --arg group "$2" --arg config "$3" \
	    --argjson inputs "${4-[]}" --argjson outputs "${5-[]}" \
	    --arg url "$URL/signal/" '
	    {id: $id, name: "deployment-\($id)", group: $group,
	     creation_time: "2026-11-21T03:36:35Z", config: $config,
	     options: {}, outputs: $outputs,
	     inputs: ($inputs + [
		{name: "deploy_action", type: "String", value: "CREATE"},
		{name: "deploy_signal_transport", value: "CFN_SIGNAL"},
		{name: "deploy_signal_id", type: "String",
		 value: ($url + ($id | @uri) + "?Signature=secret")},
		{name: "deploy_signal_verb", type: "String", value: "POST"}])}'
}
deploy() { # items on standard input
	jq -s . >"$HEAT_SHELL_CONFIG"
	refresh-config --root "$ROOT" --deployments >"$tmp/said" 2>&1 ||
	    fail "--deployments succeeds: $(cat "$tmp/said")"
}
answer() { # id, jq filter on the last signal for it
	jq -rs --arg id "$1" \
	    "map(select(.path | startswith(\"/signal/\" + (\$id | @uri) + \"?\"))) |
	    last | .body | $2" "$tmp/receiver/requests"
}
hook_program() { # group, text on standard input
	cat >"$HOOKS/$1"
	chmod 755 "$HOOKS/$1"
}
receiver

# ---- what a script gets and gives ----
item s1 script '#!/bin/sh
echo "greeting=$greeting map=$map number=$number yes=$yes nothing=[$nothing]"
echo "pwd=$(pwd) args=$#"
printf "result" >"$heat_outputs_path.result"
echo "for the log" >&2' '[
    {"name": "greeting", "type": "String", "value": "grüße"},
    {"name": "map", "type": "Json", "value": {"a": [1, null, "é"]}},
    {"name": "number", "type": "Number", "value": 4},
    {"name": "yes", "type": "Boolean", "value": true},
    {"name": "nothing", "type": "Json", "value": null}]' \
    '[{"name": "result"}, {"name": "absent"}]' | deploy
equal stdout "$(answer s1 .deploy_stdout)" \
    "greeting=grüße map={\"a\": [1, null, \"\\u00e9\"]} number=4 yes=true nothing=[]
pwd=$tmp/working args=0"
equal stderr "$(answer s1 .deploy_stderr)" "for the log"
equal status "$(answer s1 .deploy_status_code)" 0
equal output "$(answer s1 .result)" result
equal "absent output" "$(answer s1 'has("absent")')" false
equal "the script's mode" "$(stat -c %a "$tmp/working/s1")" 700
equal "the list's mode" "$(stat -c %a "$HEAT_SHELL_CONFIG")" 600
equal "kept" "$(cd "$HEAT_CONFIG_DEPLOYED" && find . -name 's1*' | sort | xargs)" \
    "./s1.json ./s1.notify.json"
equal "mode of what is kept" "$(stat -c %a "$HEAT_CONFIG_DEPLOYED/s1.json" \
    "$HEAT_CONFIG_DEPLOYED" | xargs)" "600 700"
grep -q "for the log" "$tmp/said" || fail "the log has the script's output"
grep -q "secret" "$tmp/said" && fail "the log has no signature"

# Once: the same list again runs nothing.
refresh-config --root "$ROOT" --deployments
equal "signals" "$(requests length)" 1

# As Python's str(): inputs of type String that are none.
item s2 script '#!/bin/sh
printf "%s\n" "$a" "$b" "$c" "$d"' '[
    {"name": "a", "type": "String", "value": true},
    {"name": "b", "type": "String", "value": null},
    {"name": "c", "type": "String", "value": 1.50},
    {"name": "d", "type": "String", "value": ["it'"'"'s", {"k": false}]}]' |
    deploy
equal "strings" "$(answer s2 .deploy_stdout)" "True
None
1.5
[\"it's\", {'k': False}]"

# ---- failures, each told at once ----
item f1 script '#!/bin/sh
echo partial
exit 3' | deploy
equal "status" "$(answer f1 .deploy_status_code)" 3
equal "output" "$(answer f1 .deploy_stdout)" partial

item f2 script '#!/bin/sh
kill -9 $$' | deploy
equal "killed" "$(answer f2 .deploy_status_code)" 137

item f3 no-such-group x | deploy
equal "no hook" "$(answer f3 .deploy_status_code)" 127
answer f3 .deploy_stderr | grep -q '^no hook for the group "no-such-group"' ||
    fail "it says which group"

# The name of a group is no path.
item f4 ../script '#!/bin/sh
echo inside' | deploy
equal "sanitized" "$(answer f4 .deploy_stdout)" inside

echo "not a program" >"$HOOKS/locked"
item f5 locked x | deploy
equal "not executable" "$(answer f5 .deploy_status_code)" 126
answer f5 .deploy_stderr | grep -q "the hook cannot be run" ||
    fail "it says that it cannot be run"

hook_program lost <<'X'
#!/no/such/interpreter
X
item f6 lost x | deploy
equal "no interpreter" "$(answer f6 .deploy_status_code)" 127

hook_program dies <<'X'
#!/bin/sh
echo '{"deploy_stdout": "said before", "deploy_status_code": 0}'
kill -SEGV $$
X
item f7 dies x | deploy
equal "crash" "$(answer f7 .deploy_status_code)" 139
equal "crash, stdout" "$(answer f7 .deploy_stdout)" "said before"

hook_program garbage <<'X'
#!/bin/sh
printf '{"broken": \377\n'
echo "why" >&2
exit 9
X
item f8 garbage x | deploy
equal "invalid" "$(answer f8 '"\(.deploy_status_code) \(.deploy_stderr)"')" \
    "9 why"
equal "invalid, stdout" "$(answer f8 .deploy_stdout)" \
    "{\"broken\": $(printf '\357\277\275')"

hook_program coded <<'X'
#!/bin/sh
echo '{"deploy_status_code": "0", "out": 1}'
exit 4
X
item f9 coded x | deploy
equal "JSON beats the exit status" "$(answer f9 '.deploy_status_code')" 0

hook_program uncoded <<'X'
#!/bin/sh
echo '{"out": 1}'
exit 4
X
item f10 uncoded x | deploy
equal "but only if it says so" "$(answer f10 '.deploy_status_code')" 4

hook_program mute <<'X'
#!/bin/sh
cat >/dev/null
X
item f11 mute x | deploy
equal "nothing is a success" "$(answer f11 tojson)" "{}"

hook_program slow <<'X'
#!/bin/sh
# ingot: timeout=1s
exec >&- 2>&-
sleep 600
X
item f12 slow x | deploy
equal "time limit" "$(answer f12 .deploy_status_code)" 143
answer f12 .deploy_stderr | grep -q "ran into its time limit" ||
    fail "it says that it took too long"

hook_program deaf <<'X'
#!/bin/sh
# ingot: timeout=1s
trap '' TERM
while :; do sleep 1; done
X
item f13 deaf x | deploy
equal "deaf to SIGTERM" "$(answer f13 .deploy_status_code)" 137

hook_program daemon <<'X'
#!/bin/sh
setsid sleep 600 &
echo '{"deploy_stdout": "went on", "deploy_status_code": 0}'
echo $! >"$HEAT_SCRIPT_WORKING/daemon"
X
item f14 daemon x | deploy
equal "holds the pipe" "$(answer f14 .deploy_stdout)" "went on"
kill "$(cat "$tmp/working/daemon")"

hook_program flood <<'X'
#!/bin/sh
head -c 100000000 /dev/zero | tr '\0' x
X
item f15 flood x | deploy
equal "100 MB" "$(answer f15 '.deploy_status_code != 0')" true
answer f15 .deploy_stderr | grep -q "printed more than" || fail "it says so"

# ---- what is too long is trimmed from the left ----
item t1 script '#!/bin/sh
head -c 600000 /dev/zero | tr "\0" "a"
printf "\303\251%.0s" $(seq 100000)
echo END
head -c 500000 /dev/zero | tr "\0" "b" >&2
echo STOP >&2' | deploy
equal "still a success" "$(answer t1 .deploy_status_code)" 0
answer t1 .deploy_stdout | head -n 1 | grep -qx '\[[0-9]* bytes trimmed\]' ||
    fail "it is marked"
equal "end" "$(answer t1 .deploy_stdout | tail -c 9)" "ééEND"
equal "end" "$(answer t1 .deploy_stderr | tail -c 8)" "bbSTOP"
size=$(jq -s 'map(select(.path | startswith("/signal/t1?"))) |
    last.headers["Content-Length"] | tonumber' "$tmp/receiver/requests")
if [ "$size" -gt 950000 ] || [ "$size" -lt 900000 ]; then
	fail "size: $size"
fi

# ---- odd items ----
{
	item ../../etc/x script '#!/bin/sh
echo safe'
	echo '"no map"'
	echo '{"name": "no id"}'
	echo '{"id": "i1", "inputs": 5}'
	echo '{"id": "i2", "inputs": [{"value": 1}]}'
	item i3 script '#!/bin/sh
echo after'
} | deploy
equal "the others are served" "$(answer i3 .deploy_stdout)" after
equal "an id is no path" "$(answer ../../etc/x .deploy_stdout)" safe
[ -e "$HEAT_CONFIG_DEPLOYED/%2E.%2F..%2Fetc%2Fx.json" ] ||
    fail "its name is encoded: $(ls "$HEAT_CONFIG_DEPLOYED")"
for why in "a deployment that is a string" "without an id" "inputs is not" \
    "an input without a name"; do
	grep -q "$why" "$tmp/said" || fail "it says: $why"
done

# A component has a config per action.
item c1 component '' | jq '.config = {configs: [
    {actions: ["DELETE"], tool: "script", config: "#!/bin/sh\necho bye"},
    {actions: ["CREATE", "UPDATE"], tool: "script",
     config: "#!/bin/sh\necho hello"}]}' | deploy
equal "component" "$(answer c1 .deploy_stdout)" hello
item c2 component '' | jq '.config = {configs: []}' | deploy
equal "no config for the action" "$(answer c2 .)" null

# Data needs no hook, and no signal makes a success, too.
item d1 os-apply-config '' | deploy
[ -e "$HEAT_CONFIG_DEPLOYED/d1.json" ] && fail "data is not deployed"
item d2 script '#!/bin/sh
touch "$HEAT_SCRIPT_WORKING/ran"' |
    jq '.inputs = [{name: "deploy_signal_transport", value: "NO_SIGNAL"}]' |
    deploy
[ -e "$tmp/working/ran" ] || fail "it ran"
[ -e "$HEAT_CONFIG_DEPLOYED/d2.json" ] || fail "and is done"

# ---- what was begun and did not end is told, and not begun again ----
item b1 script '#!/bin/sh
echo x >>"$HEAT_SCRIPT_WORKING/times"
touch "$HEAT_SCRIPT_WORKING/begun"
sleep 600' | jq -s . >"$HEAT_SHELL_CONFIG"
refresh-config --root "$ROOT" --deployments >"$tmp/said" 2>&1 &
pid=$!
eventually test -e "$tmp/working/begun"
kill -KILL $pid
wait $pid || :
refresh-config --root "$ROOT" --deployments >"$tmp/said" 2>&1
equal "interrupted" "$(answer b1 .deploy_status_code)" 1
equal "ran once" "$(wc -l <"$tmp/working/times")" 1

# SIGTERM ends the hook, and is told at once.
rm "$tmp/working/begun"
item b2 script '#!/bin/sh
touch "$HEAT_SCRIPT_WORKING/begun"
sleep 600' | jq -s . >"$HEAT_SHELL_CONFIG"
refresh-config --root "$ROOT" --deployments >"$tmp/said" 2>&1 &
pid=$!
eventually test -e "$tmp/working/begun"
status=0
refresh-config --root "$ROOT" --deployments 2>"$tmp/second" || status=$?
equal "a second one stays out" $status 75
kill -TERM $pid
wait $pid && fail "it was stopped"
equal "stopped" "$(answer b2 '.deploy_status_code != 0')" true

# ---- where the list comes from ----
unset HEAT_SHELL_CONFIG
item m1 script '#!/bin/sh
echo from metadata' | jq '{deployments: [.]}' | metadata
refresh-config -q --root "$ROOT" --deployments
equal "metadata" "$(answer m1 .deploy_stdout)" "from metadata"
item m3 script '#!/bin/sh
echo from the caller' | jq '{deployments: [.]}' >"$tmp/named.json"
OS_CONFIG_FILES=$tmp/named.json refresh-config -q --root "$ROOT" --deployments
equal "named metadata" "$(answer m3 .deploy_stdout)" "from the caller"
mkdir -p "$ROOT/var/run/heat-config"
item m2 script '#!/bin/sh
echo from file' | jq -s . >"$ROOT/var/run/heat-config/heat-config"
refresh-config -q --root "$ROOT" --deployments
equal "file" "$(answer m2 .deploy_stdout)" "from file"
: >"$ROOT/var/run/heat-config/heat-config"
refresh-config -q --root "$ROOT" --deployments || fail "empty is fine"
HEAT_SHELL_CONFIG=$tmp/none
export HEAT_SHELL_CONFIG
refresh-config -q --root "$ROOT" --deployments 2>/dev/null &&
    fail "a named file must be there"

# ---- other programs of heat-agents ----
# One that is to be called instead of the outbox.
cat >"$tmp/notify" <<X
#!/bin/sh
jq -r .id "\$1" >"$tmp/notified"
cat >>"$tmp/notified"
X
chmod +x "$tmp/notify"
HEAT_SHELL_CONFIG=$tmp/deployments.json
HEAT_CONFIG_NOTIFY=$tmp/notify
export HEAT_CONFIG_NOTIFY
item n1 script '#!/bin/sh
echo hi' | deploy
equal "notified" "$(head -n 1 "$tmp/notified")" n1
equal "with" "$(tail -n +2 "$tmp/notified" | jq -r .deploy_stdout)" hi
unset HEAT_CONFIG_NOTIFY
HEAT_CONFIG_HOOKS=$tmp/own-hooks
export HEAT_CONFIG_HOOKS
mkdir "$tmp/own-hooks"
printf '#!/bin/sh\necho own\n' >"$tmp/own-hooks/script"
chmod +x "$tmp/own-hooks/script"
item n2 script x | deploy
equal "hooks of one's own come first" "$(answer n2 .deploy_stdout)" own
unset HEAT_CONFIG_HOOKS

# heat-config-notify: an item's file, an answer on standard input.
REFRESH_CONFIG_STATE_DIR=$STATE
export REFRESH_CONFIG_STATE_DIR
item h1 script x >"$tmp/h1.json"
echo '{"deploy_status_code": 0, "o": "x"}' | heat-config-notify "$tmp/h1.json"
equal "notify" "$(answer h1 .o)" x
item h2 script x | jq '(.inputs[] | select(.name == "deploy_signal_verb")
    ).value = "PUT"' >"$tmp/h2.json"
heat-config-notify "$tmp/h2.json" </dev/null 2>"$tmp/said"
grep -q 'WARNING\] No valid json found on stdin' "$tmp/said" ||
    fail "it warns of no JSON"
equal "PUT" "$(requests 'last | .method')" PUT
heat-config-notify 2>/dev/null </dev/null && fail "no argument is misuse"
heat-config-notify "$tmp/none" 2>/dev/null </dev/null && fail "no such file"

# --mark-deployed: what is there now is taken for done.
{
	item k1 script '#!/bin/sh
touch "$HEAT_SCRIPT_WORKING/never"'
	item k2 os-apply-config x
} | jq -s . >"$HEAT_SHELL_CONFIG"
refresh-config -q --root "$ROOT" --mark-deployed
[ -e "$HEAT_CONFIG_DEPLOYED/k1.json" ] || fail "k1 is marked"
[ -e "$HEAT_CONFIG_DEPLOYED/k2.json" ] && fail "k2 is data"
refresh-config -q --root "$ROOT" --deployments
[ -e "$tmp/working/never" ] && fail "k1 is not run"

# --completed: the wait condition, then data that has been applied.
{
	item o1 os-apply-config x
	item o2 script x
	item o3 Heat::Ungrouped x
} | jq -s --arg url "$URL" '{"instance-id": "i-1",
    "completion-handle": ($url + "/handle"), deployments: .}' | metadata
refresh-config -q --root "$ROOT" --completed
equal "handle" "$(requests 'map(select(.path == "/handle")) | last |
    "\(.method) \(.body.Status) \(.body.UniqueId)"')" "PUT SUCCESS i-1"
equal "data" "$(answer o1 '"\(.deploy_status_code) \(.deploy_stdout)"')" \
    "0 os-apply-config deployment o1 completed"
equal "ungrouped" "$(answer o3 .deploy_status_code)" 0
equal "not a script" "$(answer o2 .)" null
n=$(requests length)
refresh-config -q --root "$ROOT" --completed
equal "data only once" "$(requests length)" $((n + 1))
[ -z "$(ls "$STATE/outbox")" ] || fail "the outbox is empty"
