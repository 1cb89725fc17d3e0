#!/bin/sh
# The groups podman and docker-compose with the real programs, their updates
# and what is left of deployments that are gone.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/deploy.lib

# An image of one program, and a store and a configuration of our own, so
# that nothing of the machine's is touched.
containers() {
	mkdir -p "$tmp/image/bin" "$tmp/image/etc"
	cp "$(command -v busybox)" "$tmp/image/bin"
	for name in sh sleep echo env; do
		ln -s busybox "$tmp/image/bin/$name"
	done
	cat >"$tmp/containers.conf" <<X
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
$(grep -q cgroup2 /proc/filesystems && [ -e /sys/fs/cgroup/cgroup.controllers ] ||
		echo 'runtime = "runc"')
X
	cat >"$tmp/storage.conf" <<X
[storage]
driver = "vfs"
graphroot = "$tmp/containers"
runroot = "$tmp/containers.run"
X
	CONTAINERS_CONF=$tmp/containers.conf
	CONTAINERS_STORAGE_CONF=$tmp/storage.conf
	export CONTAINERS_CONF CONTAINERS_STORAGE_CONF
	tar -C "$tmp/image" -cf "$tmp/image.tar" .
	timeout 60 podman import "$tmp/image.tar" localhost/tiny:1 \
	    >"$tmp/podman.log" 2>&1 &&
	    timeout 60 podman run --rm localhost/tiny:1 /bin/sh -c true \
		>>"$tmp/podman.log" 2>&1
}
service=
clean() {
	[ ! -e "$tmp/storage.conf" ] || podman rm -fa -t 0 >/dev/null 2>&1 || :
	[ -z "$service" ] || kill "$service" 2>/dev/null || :
	cleanup
}
trap clean EXIT
running() {
	podman ps --format '{{.Names}}' | sort | xargs
}
if have podman && have busybox && containers; then
	item() { # id, what the first one sleeps
		jq -n --arg id "$1" --arg s "$2" '{id: $id, name: "pod",
		    inputs: [{name: "deploy_stack_id", value: "s/1"}],
		    config: {
			second: {start_order: 2, action: "exec",
			    command: ["first", "/bin/sh", "-c",
				"echo in $WHO"]},
			first: {start_order: 1, image: "localhost/tiny:1",
			    net: "host", environment: ["WHO=first"],
			    command: ["/bin/sh", "-c",
				"trap exit TERM; sleep \($s) & wait"]},
			third: {start_order: 3, image: "localhost/tiny:1",
			    net: "host", detach: false, exit_codes: [0, 3],
			    command: ["/bin/sh", "-c", "exit 3"]}}}'
	}
	item pod1 600 >"$tmp/item"
	serve podman <"$tmp/item"
	succeeds podman
	of .deploy_stdout | grep -qx "in first" || fail "exec is told"
	equal running "$(running)" first
	equal label "$(podman inspect first --format \
	    '{{.Config.Labels.config_id}} {{.Config.Labels.deploy_stack_id}}')" \
	    "pod1 s/1"
	# An update runs beside the old one, under another name...
	item pod2 601 >"$tmp/item"
	serve podman <"$tmp/item"
	succeeds "podman, update"
	equal both "$(running | wc -w)" 2
	# ...until the sweep sees that the old one is gone.
	HEAT_SHELL_CONFIG=$tmp/list.json
	export HEAT_SHELL_CONFIG
	jq -s . "$tmp/item" >"$HEAT_SHELL_CONFIG"
	refresh-config -q --root "$ROOT" --sweep podman
	equal "named anew" "$(running)" first
	equal "the new one" "$(podman inspect first --format \
	    '{{.Config.Labels.config_id}}')" pod2
	serve podman <<'X'
{"id": "pod3", "inputs": [], "config": {"x": {"image": "localhost/none:1"}}}
X
	equal "failure" "$(of '.deploy_status_code != 0')" true
	echo '[]' >"$HEAT_SHELL_CONFIG"
	refresh-config -q --root "$ROOT" --sweep podman
	equal "all gone" "$(running)" ""

	if have docker-compose; then
		podman system service -t 0 "unix://$tmp/podman.sock" \
		    >/dev/null 2>&1 &
		service=$!
		eventually test -S "$tmp/podman.sock"
		DOCKER_HOST=unix://$tmp/podman.sock
		export DOCKER_HOST
		jq -n '{id: "dc1", name: "web", inputs: [{name: "env_files",
		    type: "String", value:
		    "[{'"'file_name': 'a.env', 'content': 'WHO=compose'"'}]"}],
		    config: {one: {image: "localhost/tiny:1", net: "host",
			env_file: ["a.env"],
			command: ["/bin/sleep", "600"]}}}' >"$tmp/item"
		serve docker-compose <"$tmp/item"
		succeeds docker-compose
		equal running "$(running)" web_one_1
		equal "env_file" "$(podman exec web_one_1 /bin/sh -c \
		    'echo $WHO')" compose
		jq -s . "$tmp/item" >"$HEAT_SHELL_CONFIG"
		refresh-config -q --root "$ROOT" --sweep docker-compose
		equal "still there" "$(running)" web_one_1
		echo '[]' >"$HEAT_SHELL_CONFIG"
		refresh-config -q --root "$ROOT" --sweep docker-compose
		equal "gone" "$(running)" ""
		serve docker-compose <<'X'
{"id": "dc2", "name": "../web", "inputs": [], "config": {"x": {}}}
X
		equal "no path" "$(of .deploy_status_code)" 1
	fi
else
	left="$left podman or its containers"
fi

finish
