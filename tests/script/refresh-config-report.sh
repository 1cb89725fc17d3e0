#!/bin/sh
# The report of a run arrives at the metadata's signal URL, in the end.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/refresh-config.lib

hook pre-configure.d 10-hello <<'X'
#!/bin/sh
echo "hello"
printf 'raw \377 byte\n' >&2
X
hook configure.d 20-web <<'X'
#!/bin/sh
echo "phase $INGOT_PHASE after $INGOT_PREVIOUS"
X

# Success.
receiver
metadata <<X
{"refresh-config": {"signal_url": "$URL/report?key=secret"}}
X
refresh-config --root "$ROOT"
equal requests "$(requests length)" 1
equal path "$(requests '.[0].path')" "/report?key=secret"
equal type "$(requests '.[0].headers["Content-Type"]')" application/json
equal status "$(requests '.[0].body.status')" success
equal hooks "$(requests '.[0].body.hooks | map(.phase + "/" + .name)
    | join(" ")')" "pre-configure/10-hello configure/20-web"
equal output "$(requests '.[0].body.hooks[0].output')" "hello
raw $(printf '\357\277\275') byte"
equal "previous run" "$(requests '.[0].body.hooks[1].output')" \
    "phase configure after none"
equal "kept report" "$(last .run)" "$(requests '.[0].body.run')"
[ -z "$(ls "$STATE/outbox")" ] || fail "the outbox is empty"

# Failure: told as such, later phases do not run, error handlers do.
hook configure.d 30-bad <<'X'
#!/bin/sh
echo "cannot" >&2
exit 3
X
hook post-configure.d 10-never <<'X'
#!/bin/sh
exit 0
X
hook error.d 10-sorry <<'X'
#!/bin/sh
echo "sorry, $INGOT_FAILED"
exit 9
X
status=0
refresh-config --root "$ROOT" 2>"$tmp/err" || status=$?
equal "exit status" "$status" 1
equal error "$(requests '.[1].body.error')" \
    "configure: 30-bad: exit status 3"
equal status "$(requests '.[1].body.status')" failed
equal hooks "$(requests '.[1].body.hooks
    | map("\(.phase)/\(.name)=\(.status)") | join(" ")')" \
    "pre-configure/10-hello=0 configure/20-web=0 configure/30-bad=3 error/10-sorry=9"
equal "error handler" "$(requests '.[1].body.hooks[-1].output')" \
    "sorry, configure/30-bad
exit status 9"
grep -q "secret" "$tmp/err" && fail "no log holds the key of the URL"

# The receiver is away: the report waits, and the next sender brings it.
receiver_stop
rm "$LIBEXEC/configure.d/30-bad" "$tmp/receiver/requests"
port=${URL##*:}
echo "send_time: 2s" >"$tmp/config"
refresh-config --root "$ROOT" --config "$tmp/config" >"$tmp/away" 2>&1
waiting=$(ls "$STATE/outbox")
equal waiting "$waiting" "report-$(last .run)"
receiver --port "$port" --answers 503,408,429,200
send-signals --outbox "$STATE/outbox"
equal attempts "$(requests 'map(.status) | join(" ")')" "503 408 429 200"
equal run "$(requests '.[3].body.run')" "${waiting#report-}"
[ -z "$(ls "$STATE/outbox")" ] || fail "the outbox is empty again"

# A definite refusal ends it, and says so.
receiver_stop
rm "$tmp/receiver/requests"
receiver --port "$port" --answers 404
refresh-config --root "$ROOT" 2>"$tmp/err"
equal attempts "$(requests length)" 1
grep -q "refused: $URL/report: HTTP status 404" "$tmp/err" ||
    fail "the log tells of the refusal: $(cat "$tmp/err")"
equal aside "$(ls "$STATE/outbox.refused")" "report-$(last .run)"
