#!/bin/sh
# The groups' hooks with the real programs, those of Debian's packages; salt
# and chef, which are none, with stand-ins that record what they are given.
# shellcheck source=/dev/null disable=SC2154,SC2016,SC2034
. tests/script/deploy.lib

# ---- apply-config ----
if have os-apply-config; then
	mkdir -p "$tmp/templates/etc"
	echo 'name={{name}}' >"$tmp/templates/etc/app"
	echo '{"name": "x"}' >"$tmp/m.json"
	cat >"$tmp/apply" <<X
#!/bin/sh
exec os-apply-config -t "$tmp/templates" -o "$ROOT" -m "$tmp/m.json"
X
	chmod +x "$tmp/apply"
	export HEAT_APPLY_CONFIG_CMD="$tmp/apply"
	serve apply-config <<X
{"id": "a1", "inputs": []}
X
	succeeds apply-config
	equal file "$(cat "$ROOT/etc/app")" "name=x"
	echo '{{#a}}' >"$tmp/templates/etc/app"
	echo '{"a": 1, "b": ' >"$tmp/m.json"
	serve apply-config <<X
{"id": "a2", "inputs": []}
X
	equal "failure" "$(of '.deploy_status_code != 0')" true
fi
HEAT_APPLY_CONFIG_CMD=$tmp/no-such-program serve apply-config <<X
{"id": "a3", "inputs": []}
X
equal "not installed" "$(of .deploy_status_code)" 127
of .deploy_stderr | grep -q "is not installed" || fail "it says so"

# ---- json-file ----
serve json-file <<'X'
{"id": "j1", "inputs": [], "config": {"/etc/json/one.json":
    {"b": [1, {"z": null, "a": "é"}], "a": 1.50}, "/two.json": [] }}
X
succeeds json-file
equal "as Python writes it" "$(cat "$ROOT/etc/json/one.json")" \
    "$(python3 -c 'import json
print(json.dumps({"b": [1, {"z": None, "a": "é"}], "a": 1.50}, indent=4,
    sort_keys=True))')"
equal "empty list" "$(cat "$ROOT/two.json")" "[]"
chmod 640 "$ROOT/two.json"
serve json-file <<'X'
{"id": "j2", "inputs": [], "config": {"/two.json": {} }}
X
equal "its mode stays" "$(stat -c %a "$ROOT/two.json")" 640
serve json-file <<'X'
{"id": "j3", "inputs": [], "config": {"two.json": 1}}
X
equal "relative" "$(of .deploy_status_code)" 1

# ---- hiera ----
HEAT_HIERA_ELEMENT_CHECK_CMD="echo empty"
export HEAT_HIERA_ELEMENT_CHECK_CMD
HEAT_PUPPET_HIERA_DATADIR=$tmp/hieradata
HEAT_HIERA_CONFIG=$tmp/hiera.yaml
export HEAT_PUPPET_HIERA_DATADIR HEAT_HIERA_CONFIG
serve hiera <<'X'
{"id": "h1", "inputs": [], "config": {"hierarchy": ["%{::fqdn}", "base"],
    "datafiles": {"base": {"greeting": "hello", "list": [1, 2]}}}}
X
succeeds hiera
equal "modes" "$(stat -c %a "$tmp/hieradata" "$tmp/hieradata/base.json" \
    "$tmp/hiera.yaml" | xargs)" "700 600 600"
if have hiera; then
	equal "hiera reads it" "$(hiera -c "$tmp/hiera.yaml" greeting)" hello
fi
serve hiera <<'X'
{"id": "h2", "inputs": [], "config": {"datafiles": {"../../x": {}}}}
X
equal "no path" "$(of .deploy_status_code)" 1
HEAT_HIERA_ELEMENT_CHECK_CMD="echo old" serve hiera <<'X'
{"id": "h3", "inputs": [], "config": {"datafiles": {"base": {}}}}
X
equal "older data" "$(of '"\(.deploy_status_code) \(.deploy_stdout)"')" "1 old"

# ---- ansible ----
unset LC_ALL LANG || : # as it is in a service
if have ansible-playbook; then
	export HOME="$tmp" ANSIBLE_LOCALHOST_WARNING=false
	jq -n '{id: "an1", outputs: [{name: "made"}],
	    options: {tags: "wanted,always"},
	    inputs: [{name: "greeting", value: "hello"},
		{name: "list", value: [1, 2]}],
	    config: "- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - copy:
        content: \"{{ greeting }} {{ list | length }} {{ heat_config_id }}\"
        dest: \"{{ heat_outputs_path }}.made\"
      tags: wanted
    - fail: {msg: not this one}
      tags: unwanted
"}' >"$tmp/item"
	serve ansible <"$tmp/item"
	succeeds ansible
	equal "output" "$(of .made)" "hello 2 an1"
	of .deploy_stdout | grep -q "failed=0" || fail "its recap is told"
	serve ansible <<'X'
{"id": "an2", "inputs": [], "options": {}, "config":
 "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{fail: {msg: broken}}]\n"}
X
	equal "failure" "$(of '.deploy_status_code != 0')" true
	of .deploy_stdout | grep -q broken || fail "why is told"
	serve ansible <<'X'
{"id": "an3", "inputs": [], "options": {}, "config": ""}
X
	succeeds "no playbook"
fi

# ---- puppet ----
if have puppet; then
	jq -n '{id: "p1", name: "pup", creation_time: "2026-11-21T03:36:35Z",
	    outputs: [{name: "made"}], options: {enable_hiera: true},
	    inputs: [{name: "greeting", value: "hello"}],
	    config: "file { \"${::heat_outputs_path}.made\":
  ensure => file, content => $::greeting }"}' >"$tmp/item"
	serve puppet <"$tmp/item"
	succeeds "puppet, with changes"
	equal "output" "$(of .made)" hello
	equal "hiera data" "$(jq -r .greeting \
	    "$tmp/hieradata/heat_config_pup.json")" hello
	[ -e "$ROOT/var/run/heat-config/deployed/2026-11-21-03-36-35Z-p1-stdout.log" ] ||
	    fail "its log is kept"
	serve puppet <"$tmp/item"
	succeeds "puppet, without changes"
	serve puppet <<'X'
{"id": "p2", "inputs": [], "options": {}, "config": "fail('broken')"}
X
	equal "failure" "$(of '.deploy_status_code != 0')" true
	of '.deploy_stdout + .deploy_stderr' | grep -q broken ||
	    fail "why is told"
fi

# ---- cfn-init ----
# It reads a fixed path, so it gets a folder of its own mounted there.
if have cfn-init; then
	jq -n --arg path "$tmp/by-cfn" '{id: "c1", inputs: [], config: {config:
	    {files: {($path): {content: "hello", mode: "000600"}}}}}' \
	    >"$tmp/item"
	cat >"$tmp/cfn" <<X
#!/bin/sh
mkdir -p /var/cache/heat-cfntools /var/lib/heat-cfntools
mount --bind "$tmp/cfn-cache" /var/cache/heat-cfntools
exec cfn-init
X
	chmod +x "$tmp/cfn"
	mkdir "$tmp/cfn-cache"
	HEAT_CFN_INIT_LAST_METADATA_DIR=$tmp/cfn-cache
	HEAT_CFN_INIT_CMD=$tmp/cfn
	export HEAT_CFN_INIT_LAST_METADATA_DIR HEAT_CFN_INIT_CMD
	if unshare -m true 2>/dev/null; then
		answer=$(unshare -m refresh-config --root "$ROOT" \
		    --deploy cfn-init <"$tmp/item" 2>"$tmp/log")
		succeeds cfn-init
		equal "file" "$(cat "$tmp/by-cfn")" hello
	else
		left="$left unshare(2)"
	fi
fi

# ---- salt and chef: stand-ins with the contract of the real ones ----
cat >"$tmp/salt-call" <<'X'
#!/bin/sh
printf '%s\n' "$@" >"$RECORD/salt.args"
for a; do
	case $a in --config-dir=*) cp "${a#*=}/minion" "$RECORD/salt.minion" ;; esac
done
cat "$RECORD/salt.result"
exit "$(cat "$RECORD/salt.status")"
X
cat >"$tmp/chef-client" <<'X'
#!/bin/sh
printf '%s\n' "$@" >"$RECORD/chef.args"
cp "$3" "$RECORD/client.rb"
cp "$5" "$RECORD/node.json"
echo done >"$heat_outputs_path.result"
echo "chef ran"
X
chmod +x "$tmp/salt-call" "$tmp/chef-client"
RECORD=$tmp
HEAT_SALT_CMD=$tmp/salt-call
HEAT_CHEF_CMD=$tmp/chef-client
export RECORD HEAT_SALT_CMD HEAT_CHEF_CMD
export SALT_MINION_CONFIG="$tmp/minion"
echo 'log_level: info' >"$tmp/minion"

echo '{"local": {"file_|-x": {"result": true}}}' >"$tmp/salt.result"
echo 2 >"$tmp/salt.status"
cat >"$tmp/item" <<'X'
{"id": "sa1", "inputs": [{"name": "port", "value": 80}],
 "config": "x:\n  file.managed: []\n"}
X
serve salt <"$tmp/item"
succeeds "salt, whatever its exit status, if every state succeeded"
working=$ROOT/var/lib/heat-config/heat-config-salt
equal "state" "$(head -n 1 "$working/sa1.sls")" "x:"
equal "minion" "$(jq -c '[.log_level, .file_client, .port,
    .file_roots.base[0]]' "$tmp/salt.minion")" \
    "[\"info\",\"local\",80,\"$working\"]"
equal "arguments" "$(tail -n 2 "$tmp/salt.args" | xargs)" "state.sls sa1"
echo '{"local": {"a": {"result": true}, "b": {"result": false}}}' \
    >"$tmp/salt.result"
echo 0 >"$tmp/salt.status"
serve salt <"$tmp/item"
equal "a state failed" "$(of .deploy_status_code)" 1
of .deploy_stderr | grep -q '"b"' || fail "which one is told"

cat >"$tmp/item" <<'X'
{"id": "ch1", "outputs": [{"name": "result"}], "options": {},
 "inputs": [{"name": "deploy_action", "value": "CREATE"},
    {"name": "environment", "value": "it's"}, {"name": "port", "value": 80}],
 "config": "[\"recipe[web]\"]"}
X
serve chef <"$tmp/item"
if hostname -f >/dev/null 2>&1; then
	succeeds chef
	equal "output" "$(of .result)" "done"
	equal "node" "$(jq -c . "$tmp/node.json")" \
	    '{"port":80,"run_list":["recipe[web]"]}'
	grep -qx "environment 'it\\\\'s'" "$tmp/client.rb" ||
	    fail "environment: $(cat "$tmp/client.rb")"
	git init -q "$tmp/kitchen"
	git -C "$tmp/kitchen" -c user.name=x -c user.email=x@localhost \
	    commit -q --allow-empty -m x
	jq --arg url "$tmp/kitchen" '.options.kitchen = $url' "$tmp/item" \
	    >"$tmp/item2"
	serve chef <"$tmp/item2"
	succeeds "chef with a kitchen"
	equal "its output alone" "$(of .deploy_stdout)" "chef ran"
	[ -e "$ROOT/var/lib/heat-config/heat-config-chef/kitchen/.git" ] ||
	    fail "the kitchen is cloned"
	serve chef <"$tmp/item2"
	equal "it is there already" "$(of '.deploy_status_code != 0')" true
else
	left="$left hostname(1)"
fi

finish
