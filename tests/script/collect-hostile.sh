#!/bin/sh
# Servers that mean harm, or are broken: one clear line each, bounded memory
# and time, no secret in the log, and the other sources are unharmed.
set -u
. tests/helper/collect.sh
mkdir -p "$ROOT/var/lib/os-collect-config/local-data"
echo '{"n": 1}' >"$ROOT/var/lib/os-collect-config/local-data/here"
deep=$(python3 -c 'print("[" * 100000)')
routes <<R
[{"path": "/good", "body": {"good": 1}},
 {"path": "/endless*", "fault": "endless"}, {"path": "/slow*", "fault": "slow"},
 {"path": "/close*", "fault": "close"}, {"path": "/short*", "fault": "short"},
 {"path": "/bomb*", "fault": "bomb"}, {"path": "/header*", "fault": "header"},
 {"path": "/silent*", "delay": 600},
 {"path": "/circle*", "status": 302, "headers": {"Location": "/circle"}},
 {"path": "/file*", "status": 302, "headers": {"Location": "file:///etc/passwd"}},
 {"path": "/html*", "body": "<!DOCTYPE html><html></html>"},
 {"path": "/empty*", "body": ""}, {"path": "/utf8*", "file": "$tmp/utf8"},
 {"path": "/deep*", "body": "$deep"}, {"path": "/cut*", "body": "{\"a\": "},
 {"path": "/names*", "body": {"deployments": [
   {"name": "../x", "config": {}}, {"name": "/etc/x", "config": {}},
   {"name": ".", "config": {}}, {"name": ".hidden", "config": {}},
   {"name": "a\u0000b", "config": {}}, {"name": "a\nb", "config": {}},
   {"name": "request", "config": {}}, {"name": "os_config_files", "config": {}},
   {"name": "fine", "config": {"x": 1}}]}}]
R
printf '{"a": "\377"}' >"$tmp/utf8"
serve
set_url() { printf '[request]\nmetadata_url = %s\ntimeout = 2\n' "$1" >"$ROOT/etc/os-collect-config.conf"; }
peak() { # command...: runs it, prints the largest resident size in KiB
	python3 -c 'import resource, subprocess, sys
subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}
is_sanitized() { case ${BUILD-} in *-san) ;; *) return 1 ;; esac; }
set_url "$URL/good"
collect --one-time -c true || fail "good"

for bad in endless slow close short bomb header silent circle file html empty \
    utf8 deep cut; do
	set_url "http://user:secret@127.0.0.1:$PORT/$bad?signature=secret"
	: >"$tmp/err"
	kib=$(peak timeout 100 "$(command -v collect-config)" --root "$ROOT" \
	    request local --force -c true 2>>"$tmp/err") || fail "$bad: status"
	same "$bad: one line" "$(grep -c 'Unavailable' "$tmp/err")" 1
	grep -q "Source \[request\] Unavailable.*127.0.0.1.*$bad" "$tmp/err" ||
	    fail "$bad: no clear line"
	grep -q secret "$tmp/err" && fail "$bad: a secret in the log"
	same "$bad: kept" "$(document request)" '{"good":1}'
	same "$bad: others" "$(document here)" '{"n":1}'
	# Sanitizers need more, and 64 MB of body are allowed.
	[ "$kib" -lt 160000 ] || is_sanitized || fail "$bad: $kib KiB"
done

# Names that would be other files.
set_url "$URL/names"
collect --one-time -c true || fail "names"
same "names" "$(cd "$ROOT/var/lib" && find . -name '*.json' | sort | tr '\n' ' ')" \
    "./os-collect-config/fine.json ./os-collect-config/here.json ./os-collect-config/os_config_files.json ./os-collect-config/request.json "

# More than was announced: the rest is no answer to the next request.
routes <<R
[{"path": "/excess", "fault": "excess", "times": 1}, {"path": "/excess", "body": {"a": 4}}]
R
set_url "$URL/excess"
agent request -c "jq -c . $cache/request.json >>$tmp/excess" --min-polling-interval 0.2 -i 0.2
within 30 grep -q '"a":4' "$tmp/excess" || fail "excess: no second answer"
same "excess" "$(tr '\n' ' ' <"$tmp/excess")" '{"a":1} {"a":4} '
unagent

# A certificate for another name, or of nobody.
if command -v openssl >/dev/null; then
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key" -out "$tmp/cert" -days 2 \
	    -subj /CN=other -addext 'subjectAltName=DNS:other.example' 2>/dev/null
	routes <<'R'
[{"path": "/x", "body": {"tls": 1}}]
R
	play="--tls $tmp/cert $tmp/key"
	serve
	for settings in "url = https://127.0.0.1:$PORT/x" \
	    "url = https://127.0.0.1:$PORT/x\nca_file = $tmp/cert"; do
		printf '[https]\n%b\n' "$settings" >"$ROOT/etc/os-collect-config.conf"
		: >"$tmp/err"
		same "TLS" "$(collect --one-time https -c true; grep -ci 'certificate' "$tmp/err")" 1
		[ ! -e "$cache/https.json" ] || fail "TLS is not verified"
	done
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key" -out "$tmp/cert" -days 2 \
	    -subj /CN=x -addext 'subjectAltName=IP:127.0.0.1' 2>/dev/null
	serve
	printf '[https]\nurl = https://127.0.0.1:%s/x\nca_file = %s\n' "$PORT" "$tmp/cert" \
	    >"$ROOT/etc/os-collect-config.conf"
	collect --one-time https -c true || fail "TLS"
	same "good TLS" "$(document https)" '{"tls":1}'
	printf '[https]\nurl = http://127.0.0.1:%s/x\n' "$PORT" >"$ROOT/etc/os-collect-config.conf"
	collect --one-time https -c true
	grep -q 'url is not https' "$tmp/err" || fail "http for https"
fi

# A watch that never stops to say nothing.
play=
routes <<R
[{"method": "POST", "path": "/v3/kv/range", "body": {"header": {"revision": "1"}, "kvs": []}},
 {"method": "POST", "path": "/v3/watch", "fault": "lines"}]
R
serve
printf '[etcd]\nurl = %s\nprefix = a\n' "$URL" >"$ROOT/etc/os-collect-config.conf"
: >"$tmp/err"
agent etcd -c true
within 30 grep -q 'Source \[etcd\] Unavailable.*the stream ended' "$tmp/err" || fail "a stream without end"
kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$agent/status")
[ "$kib" -lt 160000 ] || is_sanitized || fail "a stream without end: $kib KiB"
unagent

# A watch that is refused, or nobody there for one, is a failure as any other:
# said once, tried again at intervals.
bad_watch() { # source
	: >"$tmp/err"
	: >"$tmp/log"
	agent "$1" -c true
	within 30 grep -q "Source \[$1\] Unavailable" "$tmp/err" || fail "$1: no word of the watch"
	sleep 2
	[ "$(wc -l <"$tmp/log")" -lt 40 ] || fail "$1: $(wc -l <"$tmp/log") requests for a watch"
	rounds=$(jq '.sources[0].requests' "$ROOT/run/collect-config/status.json")
	[ "$rounds" -lt 40 ] || fail "$1: $rounds requests"
	unagent
	rm -r "$ROOT/run/collect-config"
}
routes <<R
[{"method": "POST", "path": "/v3/kv/range", "body": {"header": {"revision": "1"}, "kvs": []}},
 {"method": "POST", "path": "/v3/watch", "status": 503},
 {"method": "POST", "path": "/v3/auth/tokens", "status": 201, "headers": {"X-Subject-Token": "t"},
  "body": {"token": {"issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T01:00:00Z",
   "catalog": [{"type": "messaging-websocket", "endpoints": [
    {"interface": "public", "region": "R", "url": "ws://127.0.0.1:1"}]}]}}}]
R
bad_watch etcd
printf '[zaqar]\nauth_url = %s/v3\nuser_id = u\npassword = p\nproject_id = p\nqueue_id = q\nuse_websockets = true\n' \
    "$URL" >"$ROOT/etc/os-collect-config.conf"
bad_watch zaqar

# As a daemon: a source that hangs delays no other.
routes <<R
[{"path": "/silent*", "delay": 600}]
R
serve
set_url "$URL/silent"
sed -i 's/timeout = 2/timeout = 60/' "$ROOT/etc/os-collect-config.conf"
rm "$cache/request.json"*
agent request local -c "jq -c . $cache/here.json >>$tmp/runs" --min-polling-interval 0.1
within 30 grep -q silent "$tmp/log" || fail "not asked"
echo '{"n": 2}' >"$ROOT/var/lib/os-collect-config/local-data/here"
within 30 grep -q '"n":2' "$tmp/runs" || fail "a source that hangs delays another"
unagent
