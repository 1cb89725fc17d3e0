#!/bin/sh
# Every transport, with what can go wrong on its way.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/refresh-config.lib

box=$tmp/outbox
mkdir "$box"
message() { # name, JSON on standard input
	cat >"$box/$1"
}
# Send; the exit status is in $status, what it says in $tmp/said.
send() {
	status=0
	send-signals --outbox "$box" --seconds 30 "$@" >"$tmp/said" 2>&1 || status=$?
}
empty() {
	[ -z "$(ls "$box")" ] || fail "the outbox is empty: $(ls "$box")"
}

receiver --token --answers 200
login='"auth_url": "'$URL'/v3/", "user_id": "u", "password": "p#$",
    "project_id": "P", "region_name": "RegionOne"'

message put <<X
{"transport": "http", "method": "PUT", "url": "$URL/temp?sig=1",
 "headers": {"X-Extra": "yes"}, "body": {"deploy_stdout": "grüße"}}
X
send
equal status $status 0
empty
equal request "$(requests '.[0] | .method + " " + .path')" "PUT /temp?sig=1"
equal header "$(requests '.[0].headers["X-Extra"]')" yes

message heat <<X
{"transport": "heat", $login, "stack_id": "name/uuid",
 "resource_name": "a b/c", "body": {"deploy_status_code": 0}}
X
message heat2 <<X
{"transport": "heat", $login, "stack_id": "name/uuid",
 "resource_name": "second", "body": {"deploy_status_code": 1}}
X
send
empty
equal "one login, two signals" "$(requests '.[1:] | map(.path) | join(" ")')" \
    "/v3/auth/tokens /heat/v1/P/stacks/name/uuid/resources/a%20b%2Fc/signal /heat/v1/P/stacks/name/uuid/resources/second/signal"
equal "login" "$(requests '.[1].body.auth
    | .identity.password.user.password + " " + .scope.project.id')" 'p#$ P'
equal "token" "$(requests '.[2].headers["X-Auth-Token"]
    | startswith("token-")')" true
equal "body" "$(requests '.[3].body.deploy_status_code')" 1

message zaqar <<X
{"transport": "zaqar", $login, "queue_id": "q-1", "body": {"a": [1]}}
X
send
empty
equal "queue" "$(requests '.[5].path')" "/zaqar/v1.1/queues/q-1/messages"
equal "message" "$(requests '.[5].body' | jq -c .)" \
    '{"messages":[{"body":{"a":[1]},"ttl":600}]}'
equal "client" "$(requests '.[5].headers["Client-ID"] | length')" 32

# A token that was kept but has become invalid is asked for anew.
receiver_stop
rm "$tmp/receiver/requests"
receiver --token --answers 200,200,401,200
login='"auth_url": "'$URL'", "user_id": "u", "password": "p",
    "project_id": "P"'
for r in 1 2; do
	message "heat$r" <<X
{"transport": "heat", $login, "stack_id": "n/u", "resource_name": "$r",
 "body": {}}
X
done
send
empty
equal "paths" "$(requests 'map(.path | split("/") | last) | join(" ")')" \
    "tokens signal signal tokens signal"

# No service of that kind in the catalog: it may come.
message lost <<X
{"transport": "heat", "auth_url": "$URL/v2.0", "user_id": "u",
 "password": "p", "project_id": "P", "region_name": "Nowhere",
 "stack_id": "n/u", "resource_name": "r", "body": {}}
X
send --seconds 1
equal status $status 75
grep -q "no public orchestration service in Nowhere" "$tmp/said" ||
    fail "it says what is missing: $(cat "$tmp/said")"
rm "$box/lost"

# Refused for good: told, set aside, the others are sent.
receiver_stop
rm "$tmp/receiver/requests"
receiver --answers 403,200
message a <<X
{"transport": "http", "url": "$URL/a?Signature=secret", "body": {}}
X
message b <<X
{"transport": "http", "url": "$URL/b", "body": {}}
X
message bad-json <<X
{"transport"
X
message bad-kind <<X
{"transport": "pigeon", "body": {}}
X
message bad-url <<X
{"transport": "http", "url": "ftp://127.0.0.1/", "body": {}}
X
touch -d '1 hour ago' "$box/a"
send
equal status $status 0
empty
equal "aside" "$(cd "$box.refused" && echo *)" "a bad-json bad-kind bad-url"
grep -q "^send-signals: a: refused: $URL/a: HTTP status 403" "$tmp/said" ||
    fail "it says what was refused: $(cat "$tmp/said")"
grep -q secret "$tmp/said" && fail "signatures are not in the log"
equal "sent" "$(requests 'map(.path) | join(" ")')" "/a?Signature=secret /b"

# One that must wait a while does not hold up the others.
receiver_stop
rm "$tmp/receiver/requests"
receiver --answers 429,200 --retry-after 3600
message c <<X
{"transport": "http", "url": "$URL/c", "body": {}}
X
message d <<X
{"transport": "http", "url": "$URL/d", "body": {}}
X
touch -d '1 hour ago' "$box/c"
send --seconds 2
equal status $status 75
equal "left" "$(ls "$box")" c
equal "tried" "$(requests 'map(.path) | join(" ")')" "/c /d"
rm "$box/c"

# What is acknowledged is, even if the answer breaks off; else it is not.
receiver_stop
rm "$tmp/receiver/requests"
receiver --answers 503,200 --cut
message cut <<X
{"transport": "http", "url": "$URL/cut", "body": {}}
X
send
empty
equal "tried" "$(requests 'map(.status) | join(" ")')" "503 200"

# Two at once: the second waits for the first, and nothing is sent twice.
receiver_stop
rm "$tmp/receiver/requests"
receiver --after 0.05
for i in 1 2 3 4 5 6 7 8; do
	message "m$i" <<X
{"transport": "http", "url": "$URL/m$i", "body": {}}
X
done
send-signals --outbox "$box" -q &
first=$!
send
wait $first || fail "the first succeeds"
equal status $status 0
empty
equal "requests" "$(requests length)" 8

# TLS is verified: against the system's store, or a file that is named.
certificate() { # name, host
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$2" \
	    -addext "subjectAltName=$3" -keyout "$tmp/$1.key" \
	    -out "$tmp/$1.pem" 2>/dev/null
	cat "$tmp/$1.key" "$tmp/$1.pem" >"$tmp/$1.both"
}
if command -v openssl >/dev/null; then
	certificate good localhost DNS:localhost
	certificate other elsewhere DNS:elsewhere
	receiver_stop
	rm "$tmp/receiver/requests"
	receiver --tls "$tmp/good.both"
	port=${URL##*:}
	message t1 <<X
{"transport": "http", "url": "https://localhost:$port/t1", "body": {}}
X
	message t2 <<X
{"transport": "http", "url": "https://localhost:$port/t2", "body": {},
 "ca_file": "$tmp/good.pem"}
X
	message t3 <<X
{"transport": "http", "url": "https://localhost:$port/t3", "body": {},
 "ca_file": "$tmp/other.pem"}
X
	touch -d '1 hour ago' "$box/t2" # before the receiver counts as away
	send --seconds 1
	equal "left" "$(cd "$box" && echo *)" "t1 t3"
	equal "sent" "$(requests 'map(.path) | join(" ")')" /t2
	grep -q "https://localhost:$port/t[13]: SSL" "$tmp/said" ||
	    fail "it says that it is TLS: $(cat "$tmp/said")"
	rm "$box"/t*
	receiver_stop
	receiver --tls "$tmp/other.both" --port "$port"
	message t4 <<X
{"transport": "http", "url": "https://localhost:$port/t4", "body": {},
 "ca_file": "$tmp/other.pem"}
X
	send --seconds 1
	equal "a certificate for another name" "$(ls "$box")" t4
	rm "$box/t4"
fi

# A receiver that is away is tried once, not once a message.
receiver_stop
for i in 1 2 3 4 5; do
	message "n$i" <<X
{"transport": "http", "url": "$URL/n$i", "body": {}}
X
done
# What a killed writer left half written goes; those who live keep theirs.
touch "$box/.x.1.0~"
exec 9>"$box/.y.1.0~"
send --seconds 1
equal "temporaries" "$(find "$box" -name '.*~' -printf '%f\n')" ".y.1.0~"
equal status $status 75
equal "complaints" "$(grep -c "will try again" "$tmp/said")" 2
