#!/bin/sh
# Time limits, SIGTERM, two runs at once.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/refresh-config.lib

hook configure.d 10-slow <<X
#!/bin/sh
echo \$\$ >"$tmp/pid"
sleep 600
X
hook error.d 10-clean <<X
#!/bin/sh
touch "$tmp/cleaned"
X

# A limit ends the hook.
status=0
refresh-config --root "$ROOT" --timeout 2 2>"$tmp/err" || status=$?
equal "exit status" "$status" 1
equal "the limit, not less" "$(last '.seconds >= 2')" true
equal "timed out" "$(last '.hooks[0].timed_out')" true
equal signal "$(last '.hooks[0].signal, .hooks[0].status' | xargs)" "15 null"
kill -0 "$(cat "$tmp/pid")" 2>/dev/null && fail "the hook is gone"

# SIGTERM ends it, runs the error handlers, reports, frees the lock.
rm -f "$tmp/pid" "$tmp/cleaned"
refresh-config --root "$ROOT" 2>"$tmp/err" &
pid=$!
eventually test -s "$tmp/pid"

# Meanwhile a second one stays out.
status=0
refresh-config --root "$ROOT" 2>"$tmp/second" || status=$?
equal "exit status of the second" "$status" 75
grep -q "held by another process" "$tmp/second" || fail "the second says why"

kill -TERM "$pid"
status=0
wait "$pid" || status=$?
equal "exit status" "$status" 1
[ -e "$tmp/cleaned" ] || fail "the error handlers ran"
case $(last .error) in
"configure: 10-slow: stopped"*) ;;
*) fail "the report says that it was stopped: $(last .error)" ;;
esac
kill -0 "$(cat "$tmp/pid")" 2>/dev/null && fail "the hook is gone"
rm "$LIBEXEC/configure.d/10-slow"
refresh-config --root "$ROOT" || fail "the lock is free"
