#!/bin/sh
# Stores: keys become a tree; a change is acted upon at once.  etcd is the
# real one, Consul's answers are played.
set -u
. tests/helper/collect.sh
waitfor() { # document want
	within 30 sh -c "[ \"\$(jq -S -c . '$cache/$1.json')\" = '$2' ]" ||
	    fail "$1 is $(document "$1"), wanted $2"
}

# ---- Consul -----------------------------------------------------------------
b() { printf %s "$1" | base64; }
routes <<R
[{"path": "/v1/kv/cfg/?recurse=true&dc=dc1", "need": {"X-Consul-Token": "t"},
  "headers": {"X-Consul-Index": "7"}, "body": [
   {"Key": "cfg/", "Value": null}, {"Key": "cfg/a", "Value": "$(b 1)"},
   {"Key": "cfg/b/c", "Value": "$(b '{"j": [1]}')"}, {"Key": "cfg/b/d/", "Value": null},
   {"Key": "cfg/a/x", "Value": "$(b lost)"}, {"Key": "cfg/e", "Value": ""}]},
 {"path": "/v1/kv/cfg/?recurse=true&dc=dc1&index=7&wait=300s", "delay": 0.5, "times": 1,
  "headers": {"X-Consul-Index": "7"}, "body": [{"Key": "cfg/a", "Value": "$(b 2)"}]},
 {"path": "/v1/kv/cfg/?recurse=true&dc=dc1&index=7&wait=300s", "delay": 0.5, "times": 1,
  "headers": {"X-Consul-Index": "9"}, "status": 404},
 {"path": "/v1/kv/cfg/?recurse=true&dc=dc1&index=9&wait=300s", "delay": 0.5,
  "times": 1, "headers": {"X-Consul-Index": "3"}, "body": [{"Key": "cfg/a", "Value": "$(b 4)"}]},
 {"path": "/v1/kv/cfg/*", "delay": 60}]
R
serve
cat >"$ROOT/etc/os-collect-config.conf" <<S
[DEFAULT]
collectors = consul
[consul]
url = $URL/
prefix = cfg/
token = t
datacenter = dc1
S
collect --one-time -c true || fail "consul"
same "consul" "$(document consul)" '{"a":"1","b":{"c":{"j":[1]},"d":{}},"e":""}'
grep -q 'key a/x left out' "$tmp/err" || fail "no word of the key left out"
agent -c "jq -c . $cache/consul.json >>$tmp/runs"
within 30 grep -q '"a":"4"' "$tmp/runs" || fail "consul: changes are not seen"
same "each change, one run" "$(tr '\n' ' ' <"$tmp/runs")" '{"a":"2"} {} {"a":"4"} '
after() { jq -r .path "$tmp/log" | sed -n '/index=9/{n;p;}'; }
within 30 sh -c "jq -r .path '$tmp/log' | grep -A 1 index=9 | grep -q 'dc1$'" ||
    fail "an index that went back is used: $(after)"
unagent

# ---- etcd -------------------------------------------------------------------
for tool in etcd etcdctl; do
	command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
client=http://127.0.0.1:$(port)
peer=http://127.0.0.1:$(port)
start_etcd() {
	etcd --data-dir "$tmp/etcd" --listen-client-urls "$client" --advertise-client-urls "$client" \
	    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
	    --initial-cluster "default=$peer" >"$tmp/etcd.log" 2>&1 &
	etcd=$!
	pids="$pids $etcd"
	within 20 ctl get x || fail "etcd does not start"
}
ctl() { ETCDCTL_API=3 etcdctl --endpoints="$client" "$@"; }
start_etcd
ctl put /ingot/a/b one >/dev/null
ctl put /ingot/list '[1, 2]' >/dev/null
ctl put /other x >/dev/null
cat >"$ROOT/etc/os-collect-config.conf" <<S
[DEFAULT]
collectors = etcd
[etcd]
url = http://127.0.0.1:1
url = $client
prefix = /ingot/
S
collect --one-time -c true
grep -q 'Unavailable' "$tmp/err" || fail "a dead member"
agent -c "echo >>$tmp/ran" --min-polling-interval 0.2
waitfor etcd '{"a":{"b":"one"},"list":[1,2]}'
within 30 sh -c "[ \$(wc -l <'$tmp/ran') -eq 1 ]" || fail "no run"
sleep 0.3
ctl put /ingot/a/b two >/dev/null
waitfor etcd '{"a":{"b":"two"},"list":[1,2]}'
ctl del /ingot/list >/dev/null
waitfor etcd '{"a":{"b":"two"}}'
ctl put /other y >/dev/null

# The server goes and comes back; a compacted revision does not hurt.
kill "$etcd"
wait "$etcd" 2>/dev/null
within 30 grep -q 'its last data stays in use' "$tmp/err" || fail "no word of the server's end"
start_etcd
for i in 1 2 3 4 5; do ctl put /ingot/n $i >/dev/null; done
ctl compact "$(ctl get /ingot/n -w json | jq .header.revision)" >/dev/null
waitfor etcd '{"a":{"b":"two"},"n":"5"}'
kill -0 "$agent" || fail "the agent is gone"
unagent

# With users.
ctl user add root:pw >/dev/null
ctl user grant-role root root >/dev/null
ctl auth enable >/dev/null
printf 'user = root\npassword = pw\n' >>"$ROOT/etc/os-collect-config.conf"
sed -i '/127.0.0.1:1$/d' "$ROOT/etc/os-collect-config.conf"
ctl --user root:pw put /ingot/n 6 >/dev/null
collect --one-time -c true || fail "etcd: login"
same "as a user" "$(document etcd)" '{"a":{"b":"two"},"n":"6"}'
