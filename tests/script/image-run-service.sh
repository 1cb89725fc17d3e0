#!/bin/sh
# The metadata service of image-run, asked from outside: what it serves, what
# it takes, and how it stands hostile and slow clients.
set -u
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$tmp"' EXIT
bad=0
fail() { echo "not so: $*"; bad=1; }
is() { # what got want
	[ "$2" = "$3" ] || fail "$1: got \"$2\", wanted \"$3\""
}
start() { # option...
	: >"$tmp/out"
	image-run --serve-only "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	for _ in $(seq 100); do
		[ -s "$tmp/out" ] && break
		sleep 0.1
	done
	url=$(head -n 1 "$tmp/out")
	base=${url%/metadata}
}
finish() { # status wanted
	wait "$pid"
	is "exit status" $? "$1"
	pid=
}
status() { rm -f "$tmp/body"; curl -s -m 20 -o "$tmp/body" -w '%{http_code}' "$@"; }
eventually() { # text file
	for _ in $(seq 50); do
		grep -q -e "$1" "$2" && return
		sleep 0.1
	done
	fail "\"$1\" never came:"
	cat "$2"
}

# ---- what is served
echo '{"a": {"b": [1.50, 12345678901234567890]}}' >"$tmp/m.json"
start --metadata "$tmp/m.json"
is "one line" "$(wc -l <"$tmp/out")" 1
case $url in http://127.0.0.1:[1-9]*/metadata) ;; *) fail "url $url" ;; esac
is body "$(curl -s "$url")" \
    "{\"a\": {\"b\": [1.5, 12345678901234567890]}, \"refresh-config\": {\"signal_url\": \"$base/signal\"}}"
is "signal url follows Host" \
    "$(curl -s -H 'Host: 10.0.2.2:99' "$url" | jq -r '.["refresh-config"].signal_url')" \
    http://10.0.2.2:99/signal
is type "$(curl -s -o /dev/null -w '%{content_type}' "$url")" application/json
is head "$(status -I "$url")" 200

# ---- what has not changed is not sent again
curl -sI "$url" | tr -d '\r' >"$tmp/head"
tag=$(sed -n 's/^ETag: //p' "$tmp/head")
date=$(sed -n 's/^Last-Modified: //p' "$tmp/head")
is "same tag" "$(status -H "If-None-Match: $tag" "$url")" 304
is "304 is empty" "$(cat "$tmp/body" 2>/dev/null)" ""
is "weak tag" "$(status -H "If-None-Match: \"x\", W/$tag" "$url")" 304
is "other tag" "$(status -H 'If-None-Match: "x"' "$url")" 200
is "same date" "$(status -H "If-Modified-Since: $date" "$url")" 304
is "tag before date" "$(status -H 'If-None-Match: "x"' \
    -H "If-Modified-Since: $date" "$url")" 200
is "old date" "$(status -H 'If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT' "$url")" 200
is "no date" "$(status -H 'If-Modified-Since: never' "$url")" 200

# ---- an edit arrives, a mistake does not
echo '{"a": 2}' >"$tmp/m.json"
is edit "$(curl -s "$url" | jq -c .a)" 2
is "edit, tag" "$(status -H "If-None-Match: $tag" "$url")" 200
is "edit, date" "$(status -H "If-Modified-Since: $date" "$url")" 200
echo '{"a": ' >"$tmp/m.json"
for _ in 1 2 3; do is mistake "$(curl -s "$url" | jq -c .a)" 2; done
is "warned once" "$(grep -c 'm.json:2:1' "$tmp/err")" 1
rm "$tmp/m.json"
is "file gone" "$(curl -s "$url" | jq -c .a)" 2
echo '{"a": 3}' >"$tmp/m.json"
is "put right" "$(curl -s "$url" | jq -c .a)" 3

# ---- what is refused
is nowhere "$(status "$base/")" 404
is below "$(status "$base/metadata/x")" 404
is dots "$(status --path-as-is "$base/../etc/passwd")" 404
is delete "$(status -X DELETE "$url")" 405
is "post metadata" "$(status -d x "$url")" 405
is "get signal" "$(status "$base/signal")" 405
for h in 'a b' 'a/b' 'a@b' 'a:99999' 'a:b' '[::1' 'a"b'; do
	is "host $h" "$(status -H "Host: $h" "$url")" 400
done
is "no host" "$(status -0 -H 'Host:' "$url")" 400
is "two hosts" "$(printf 'GET /metadata HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' |
    timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/${base##*:}; cat >&3; head -n 1 <&3" |
    cut -d ' ' -f 2)" 400
is "no JSON" "$(status -d 'hello' "$base/signal")" 400
is "empty" "$(status -d '' "$base/signal")" 400
is "deep" "$(head -c 100000 /dev/zero | tr '\0' '[' |
    status --data-binary @- "$base/signal")" 400
head -c 5000000 /dev/zero | tr '\0' ' ' >"$tmp/long"
is "long" "$(status --data-binary "@$tmp/long" "$base/signal")" 413
is "long in chunks" "$(status -H 'Transfer-Encoding: chunked' \
    --data-binary "@$tmp/long" "$base/signal")" 413
is "long header" "$(status -H "X: $(head -c 60000 "$tmp/long" | tr ' ' x)" "$url" |
    grep -c '^4')" 1
is "nothing was taken for a report" "$(grep -c ^report "$tmp/out")" 0
is "still there" "$(status "$url")" 200

# ---- slow clients hold up nobody
port=${base##*:}
for _ in $(seq 20); do
	{ printf 'POST /signal HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{'
	sleep 5; } | timeout 6 bash -c "cat >/dev/tcp/127.0.0.1/$port" &
	slow="${slow-} $!"
done
sleep 0.3
is "beside slow ones" "$(curl -s -m 3 -o /dev/null -w '%{http_code}' "$url")" 200
for p in $slow; do wait "$p"; done
is "half a report is none" "$(grep -c ^report "$tmp/out")" 0

# ---- reports: shown, and harmless
is "report" "$(status --data-binary '{"status":"failed","host":"h\u001b]0;x\u0007",
"error":"x\r\u009b31m","hooks":[{"name":"\u202eevil\u0000","phase":"\t","status":1,
"output":"first\u001b[2J\n\u0008last"}]}' "$base/signal")" 200
eventually 'output of ?evil?' "$tmp/out"
eventually '    | ?last' "$tmp/out"
is "control characters" "$(LC_ALL=C tr -d '\n\t\040-\176' <"$tmp/out" | wc -c)" 0
is "heat" "$(status -X PUT -d '{"deploy_status_code": 0}' "$base/signal")" 200
eventually '"deploy_status_code": 0' "$tmp/out"
kill "$pid"
finish 0

# ---- the exit status
start --exit-on-signal
is "progress" "$(status -d '{"status":"running"}' "$base/signal")" 200
is "success" "$(status -d '{"status":"success"}' "$base/signal")" 200
finish 0
start --exit-on-signal
is "failure" "$(status -d '{"Status":"FAILURE"}' "$base/signal")" 200
finish 1
is "says so" "$(grep -c 'reported failure' "$tmp/err")" 1
start --exit-on-signal --timeout 1
finish 1
is "says why" "$(grep -c 'no report within 1 s' "$tmp/err")" 1
start --exit-on-signal
kill "$pid"
finish 1
start --timeout 1
finish 0

# ---- what cannot be served
echo '{"a" 1}' >"$tmp/bad.json"
printf 'a: [1\n' >"$tmp/bad.yaml"
for f in bad.json bad.yaml none.json; do
	image-run --serve-only --metadata "$tmp/$f" >"$tmp/o" 2>"$tmp/e"
	is "$f" $? 1
	is "$f names it" "$(grep -c "$f" "$tmp/e")" 1
	is "$f is silent" "$(wc -c <"$tmp/o")" 0
done
start
image-run --serve-only --listen "${base#http://}" >"$tmp/o" 2>"$tmp/e"
is "taken port" $? 1
is "taken port, why" "$(grep -c 'Address already in use' "$tmp/e")" 1
kill "$pid"
finish 0
exit $bad
