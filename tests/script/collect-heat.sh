#!/bin/sh
# Heat with Keystone, from recorded answers: what is asked and how often, that
# a token lasts, and what happens when it does not.
set -u
. tests/helper/collect.sh

a=$PWD/tests/answers
token='{"method": "POST", "path": "/v3/auth/tokens", "status": 201,
  "headers": {"X-Subject-Token": "secret-token"}, "file": "'$a'/heat-token.json"}'
project=$(jq -r .token.project.id "$a/heat-token.json")
path=/v1/$project/stacks/demo-heat/11-22/resources/a%20server/metadata
metadata='{"path": "'$path'", "need": {"X-Auth-Token": "secret-token"},
  "file": "'$a'/heat-metadata.json"}'
settings() { # auth-url [more lines]
	cat >"$ROOT/etc/os-collect-config.conf" <<S
[DEFAULT]
collectors = heat
[heat]
auth_url = $1
user_id = u-1
password = pa%ss#wo!rd
project_id = $project
stack_id = demo-heat/11-22
resource_name = a server
region_name = ${2-RegionOne}
S
}
routes <<R
[$token, $metadata]
R
serve
settings "$URL/v3/"

# The first round: a token, then the metadata.
# shellcheck disable=SC2016
files=$(collect --one-time -c 'echo $$OS_CONFIG_FILES')
p=/var/lib/os-collect-config
same "documents" "$files" "$p/heat.json:$p/10-settings.json"
same "requests" "$(jq -r '.method + " " + .path' "$tmp/log" | tr '\n' ' ')" \
    "POST /v3/auth/tokens GET $path "
same "who asks" "$(jq -c 'select(.method == "POST") | .body | fromjson' "$tmp/log")" \
    '{"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"u-1","password":"pa%ss#wo!rd"}}},"scope":{"project":{"id":"'"$project"'"}}}}'
same "content" "$(jq -S -c .metadata "$a/heat-metadata.json")" "$(document heat)"
same "deployment" "$(jq -S -c '.metadata.deployments[0].config' "$a/heat-metadata.json")" \
    "$(document 10-settings)"
[ ! -e "$cache/20-script.json" ] || fail "a script became a document"

# The token is good for the next process too, which nobody else can read.
: >"$tmp/log"
same "nothing new" "$(collect --one-time -c 'echo ran')" ""
same "one request" "$(requests .)" 1
same "token file" "$(find "$ROOT/run/collect-config/tokens" -type f -perm 600 | wc -l)" 1

# As a daemon: one request a round.
: >"$tmp/log"
agent -c true -i 0.05 --min-polling-interval 0.05
within 30 sh -c "[ \$(wc -l <'$tmp/log') -ge 20 ]" || fail "no rounds"
unagent
same "tokens" "$(requests POST)" 0

# A token that is refused is replaced once a round.
routes <<R
[$token, {"path": "$path", "times": 1, "status": 401}, $metadata]
R
: >"$tmp/log"
collect --one-time -c true || fail "a refused token"
same "renewed" "$(jq -r .method "$tmp/log" | tr '\n' ' ')" "GET POST GET "
routes <<R
[$token, {"path": "$path", "status": 401}]
R
: >"$tmp/log"
collect --one-time -c true
same "only once" "$(jq -r .method "$tmp/log" | tr '\n' ' ')" "GET POST GET "
same "kept" "$(jq -S -c .metadata "$a/heat-metadata.json")" "$(document heat)"

# A URL without a version, or with the old one, is looked up.
for answer in 200 300 404; do
	case $answer in
	200) body='{"version": {"id": "v3.14", "links": [{"rel": "self", "href": "@URL@/id/v3/"}]}}' ;;
	300) body='{"versions": {"values": [{"id": "v2.0", "links": [{"href": "@URL@/x"}]}, {"id": "v3.14", "links": [{"rel": "self", "href": "@URL@/id/v3/"}]}]}}' ;;
	404) body='{}' ;;
	esac
	where=/id/v3
	[ $answer = 404 ] && where=/id/here/v3
	routes <<R
[{"path": "/id/here/", "status": $answer, "body": $body},
 {"method": "POST", "path": "$where/auth/tokens", "status": 201, "headers":
  {"X-Subject-Token": "secret-token"}, "file": "$a/heat-token.json"}, $metadata]
R
	rm -rf "$ROOT/run/collect-config"
	: >"$tmp/log"
	settings "$URL/id/here/v2.0"
	collect --one-time -c true || fail "discovery"
	same "discovery $answer" "$(jq -r .path "$tmp/log" | tr '\n' ' ')" \
	    "/id/here/ $where/auth/tokens $path "
done

# No endpoint, no token, no metadata: one line, and no secret in it.
routes <<R
[$token, $metadata]
R
rm -rf "$ROOT/run/collect-config"
settings "$URL/v3" Nowhere
collect --one-time -c true
grep -q 'no public endpoint of type orchestration in region Nowhere' "$tmp/err" ||
    fail "no word of the endpoint"
settings "$URL/v3"
routes <<R
[{"method": "POST", "path": "/v3/auth/tokens", "status": 401, "body": {"error": {}}}]
R
collect --one-time -c true
grep -q "$URL/v3/auth/tokens: answered 401" "$tmp/err" || fail "no word of 401"
routes <<R
[$token, {"path": "$path", "body": {"other": 1}}]
R
collect --one-time -c true
grep -q "no metadata in the answer" "$tmp/err" || fail "no word of the answer"
grep -E 'pa%ss|secret-token' "$tmp/err" && fail "a secret in the log"

# A redirect takes the token along only on the same host.
routes <<R
[$token, {"path": "$path", "status": 301,
  "headers": {"Location": "@URL@/moved"}}, {"path": "/moved",
  "need": {"X-Auth-Token": "secret-token"}, "body": {"metadata": {"m": 1}}}]
R
collect --one-time -c true || fail "moved"
same "moved" "$(document heat)" '{"m":1}'
routes <<R
[$token, {"path": "$path", "status": 301,
  "headers": {"Location": "http://localhost:$PORT/moved"}},
 {"path": "/moved", "body": {"metadata": {"m": 2}}}]
R
: >"$tmp/log"
collect --one-time -c true
same "not moved" "$(document heat)" '{"m":1}'
same "not asked" "$(requests moved)" 0
