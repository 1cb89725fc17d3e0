#!/bin/sh
# The clock on the wall jumps, an hour forwards and back and to 1970: nothing
# stands still or goes wild, tokens last, signatures hold the service's time,
# and the status tells times by the clock as it is.
# agent() takes options, but none are needed here.
# shellcheck disable=SC2119
set -u
. tests/helper/collect.sh
command -v "${CC:-cc}" >/dev/null || { echo "no C compiler"; exit 77; }
"${CC:-cc}" -shared -fPIC -o "$tmp/clock-shift.so" tests/helper/clock-shift.c || fail "clock-shift"
a=$PWD/tests/answers
# On a clock that is off by what stands in $tmp/shift.
mkdir "$tmp/bin"
cat >"$tmp/bin/collect-config" <<X
#!/bin/sh
CLOCK_SHIFT=$tmp/shift LD_PRELOAD=$tmp/clock-shift.so ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS-}
export CLOCK_SHIFT LD_PRELOAD ASAN_OPTIONS
exec $(command -v collect-config) "\$@"
X
chmod +x "$tmp/bin/collect-config"
PATH=$tmp/bin:$PATH
shift_by() { echo "$1" >"$tmp/shift.new" && mv "$tmp/shift.new" "$tmp/shift"; }
to_1970() { shift_by $((86400 - $(date +%s))); }
project=$(jq -r .token.project.id "$a/heat-token.json")
say() { # number
	sed "s/hello/hello $1/g" "$a/cfn.xml" >"$tmp/cfn.xml"
	routes <<R
[{"path": "/request", "body": {"n": "hello $1"}},
 {"method": "POST", "path": "/v3/auth/tokens", "status": 201,
  "headers": {"X-Subject-Token": "t"}, "file": "$a/heat-token.json"},
 {"path": "/v1/*", "body": {"metadata": {"n": "hello $1"}}},
 {"path": "/cfn/*", "fresh": 300, "file": "$tmp/cfn.xml"}, {"path": "/cfn/*", "status": 403}]
R
}
shift_by 0
say 1
serve
cat >"$ROOT/etc/os-collect-config.conf" <<C
[DEFAULT]
collectors = request
collectors = heat
collectors = cfn
command = true
min_polling_interval = 0.5
polling_interval = 1
[request]
metadata_url = $URL/request
[heat]
auth_url = $URL/v3
user_id = u
password = p
project_id = $project
stack_id = s/1
resource_name = r
[cfn]
metadata_url = $URL/cfn/
access_key_id = a
secret_access_key = s
stack_name = s
path = server.Metadata
signature_version = 4
C

# A clock that is wrong from the start: the service's answer puts it right.
to_1970
collect --one-time -c true || fail "in 1970"
same "asked twice" "$(requests /cfn/)" 2
grep -q 'hello 1' "$cache/cfn.json" || fail "in 1970: no document"
grep Unavailable "$tmp/err" && fail "in 1970: a complaint"
# The token of 1970 is none today, nor the other way round.
shift_by 0
: >"$tmp/log"
collect --one-time -c true || fail "today"
same "a new token" "$(requests POST)" 1
to_1970
: >"$tmp/log"
collect --one-time -c true || fail "1970 again"
same "a new token again" "$(requests POST)" 1

# It jumps while the agent runs.
shift_by 0
rm -r "$cache" "$ROOT/run/collect-config"
: >"$tmp/log"
agent
within 30 grep -q 'hello 1' "$cache/cfn.json" || fail "no start"
number=1
near() { # member: what happened a moment ago is told so by the new clock
	jq -e ".written - ([.sources[].$1] | min) | . >= -1 and . < 1800" "$ROOT/run/collect-config/status.json"
}
for by in 3600 -3600 1970 0; do
	if [ $by = 1970 ]; then to_1970; else shift_by $by; fi
	number=$((number + 1))
	asked=$(wc -l <"$tmp/log")
	sleep 2
	asked=$(($(wc -l <"$tmp/log") - asked))
	[ "$asked" -le 30 ] || fail "$by: $asked requests in 2 s"
	within 30 near last_change || fail "$by: last change"
	say $number
	for s in request heat cfn; do
		within 30 grep -q "hello $number" "$cache/$s.json" || fail "$by: $s stands still"
	done
	within 30 near last_success || fail "$by: last success"
done
same "one token" "$(requests POST)" 1
grep 'answered' "$tmp/err" && fail "something was refused"
unagent

# A certificate is not valid yet: one line, no harm to others, and it passes.
command -v openssl >/dev/null || { echo "no openssl"; exit 77; }
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key" -out "$tmp/cert" -days 2 \
    -subj /CN=x -addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null
plain=$URL
play="--tls $tmp/cert $tmp/key"
serve
cat >"$ROOT/etc/os-collect-config.conf" <<C
[DEFAULT]
collectors = request
collectors = https
command = true
min_polling_interval = 0.2
polling_interval = 0.5
[request]
metadata_url = $plain/request
[https]
url = https://127.0.0.1:$PORT/request
ca_file = $tmp/cert
C
to_1970
: >"$tmp/err"
agent
within 30 grep -q 'https.*Unavailable.*certificate is not yet valid' "$tmp/err" || fail "1970: no word"
say 20
within 30 grep -q 'hello 20' "$cache/request.json" || fail "1970: another source is held up"
same "one line" "$(grep -c Unavailable "$tmp/err")" 1
shift_by 0
within 30 grep -q 'hello 20' "$cache/https.json" || fail "not back"
unagent
