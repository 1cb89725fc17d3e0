#!/bin/sh
# The request source: where its URL comes from, what is stored, that nothing
# new is cheap, that a dead server loses nothing.
set -u
. tests/helper/collect.sh

routes <<'R'
[{"path": "/same", "need": {"If-None-Match": "\"one\""}, "status": 304},
 {"path": "/same", "headers": {"ETag": "\"one\""}, "body": {"a": 1}},
 {"path": "/line", "body": {"from": "line"}},
 {"path": "/file", "body": {"from": "file"}},
 {"path": "/list", "body": ["a"]},
 {"path": "/html", "body": "<html>sorry</html>"},
 {"path": "/deployments", "body": {"deployments": [
   {"name": "a", "config": {"n": 1}},
   {"name": "hook", "group": "script", "config": "true"},
   {"name": "b", "group": "Heat::Ungrouped", "config": {"n": 2}},
   {"name": "a", "group": "os-apply-config", "config": {"n": 3}},
   {"name": "../x", "config": {}}, {"name": "local", "config": {}},
   {"name": "os_config_files", "config": {}}, {"name": "x:y", "config": {}},
   null, {"name": 7}, {"name": "c"}]}}]
R
serve

# Where the URL comes from: the file, the command line, nothing at all.
same "nothing to do" "$(collect --one-time -c 'echo ran')" ""
echo "quiet ingot.metadata=$URL/line" >"$ROOT/proc/cmdline"
collect --one-time -c true || fail "the kernel command line"
same "command line" "$(document request)" '{"from":"line"}'
printf '[request]\nmetadata_url = %s/file\n' "$URL" \
    >"$ROOT/etc/os-collect-config.conf"
collect --one-time -c true || fail "the file"
same "file" "$(document request)" '{"from":"file"}'
same "first" "$(jq -c . "$cache/request.json.orig")" '{"from":"line"}'
same "committed" "$(jq -c . "$cache/request.json.last")" '{"from":"file"}'

# Deployments: order, names, groups; the last of a name wins.
printf '[request]\nmetadata_url = %s/deployments\n' "$URL" \
    >"$ROOT/etc/os-collect-config.conf"
# shellcheck disable=SC2016
files=$(collect --one-time -c 'echo $$OS_CONFIG_FILES')
p=/var/lib/os-collect-config
same "OS_CONFIG_FILES" "$files" "$p/request.json:$p/b.json:$p/a.json"
same "list" "$(cat "$cache/os_config_files.json")" \
    "[\"$p/request.json\", \"$p/b.json\", \"$p/a.json\"]"
same "the last wins" "$(document a)" '{"n":3}'
[ ! -e "$ROOT/var/lib/x.json" ] || fail "a deployment left the cache"
same "modes" "$(find "$cache" -type f ! -perm 600)" ""

# A failing command commits nothing and is run again.
printf '[request]\nmetadata_url = %s/line\n' "$URL" \
    >"$ROOT/etc/os-collect-config.conf"
collect --one-time -c 'exit 7'
same "its status" $? 7
same "not committed" "$(jq -c .deployments[0].name "$cache/request.json.last")" \
    '"a"'
same "again" "$(collect --one-time -c 'echo again')" again
same "then not" "$(collect --one-time -c 'echo again')" ""

# What is no map, or no JSON, changes nothing.
for bad in list html gone; do
	printf '[request]\nmetadata_url = %s/%s\n' "$URL" $bad \
	    >"$ROOT/etc/os-collect-config.conf"
	same "$bad" "$(collect --one-time -c 'echo ran')" ""
	same "$bad: kept" "$(document request)" '{"from":"line"}'
done

# An unchanged document is asked for with its ETag.
: >"$tmp/log"
printf '[request]\nmetadata_url = %s/same\n' "$URL" \
    >"$ROOT/etc/os-collect-config.conf"
agent -c "echo run >>$tmp/runs" --min-polling-interval 0.1 \
    --polling-interval 0.1
within 30 test -s "$tmp/runs" || fail "the agent runs nothing"
within 30 sh -c "[ \$(grep -c If-None-Match '$tmp/log') -ge 3 ]" ||
    fail "the ETag is not sent back"
same "without the ETag" "$(grep -vc If-None-Match "$tmp/log")" 1

# The server goes; data stays, the agent keeps trying, and takes what comes.
unserve
within 30 grep -q 'Unavailable' "$tmp/err" || fail "no word of the failure"
same "kept" "$(document request)" '{"a":1}'
routes <<'R'
[{"path": "/same", "body": {"a": 2}}]
R
old=$PORT
serve
sed -i "s/:$old/:$PORT/" "$ROOT/etc/os-collect-config.conf"
within 30 sh -c "[ \$(grep -c run '$tmp/runs') -eq 2 ]" ||
    fail "no run after the server came back"
same "new" "$(document request)" '{"a":2}'
unagent

# A proxy is asked for what is far, but never for what is near, nor for what
# only a cloud's own network has.
routes <<'R'
[{"path": "http://far.example/x", "body": {"from": "proxy"}},
 {"path": "http://far.example/metadata/v1.json", "body": {"droplet_id": 1}},
 {"path": "/x", "body": {"from": "near"}}]
R
set_url() { printf '[%s]\nmetadata_url = %s\n' "$1" "$2" >"$ROOT/etc/os-collect-config.conf"; }
http_proxy=$URL
export http_proxy
set_url request http://far.example/x
collect --one-time request -c true || fail "far"
same "far" "$(document request)" '{"from":"proxy"}'
http_proxy=http://127.0.0.1:1
set_url request "$URL/x"
collect --one-time request -c true || fail "near"
same "near" "$(document request)" '{"from":"near"}'
http_proxy=$URL
: >"$tmp/log"
set_url digitalocean http://far.example
collect --one-time digitalocean -c true
same "a cloud by proxy" "$(wc -l <"$tmp/log") $(ls "$cache/digitalocean.json" 2>/dev/null)" "0 "
http_proxy=$URL no_proxy=far.example
export no_proxy
set_url request http://far.example/x
collect --one-time request -c true
same "an exception" "$(wc -l <"$tmp/log")" 0
