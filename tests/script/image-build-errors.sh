#!/bin/sh
# What cannot work ends in one clear line, a status, and nothing left behind.
set -eu
. tests/lib.sh
need_root
scratch
mkdir -p "$T/elements" "$T/tmp" "$T/out"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache"

# refuse "text of the error" ARGUMENT...: status not 0, the text in the last
# line, no image, no temporary folder, no mount.
refuse() {
	text=$1
	shift
	if image-build -n -o "$T/out/x" -t raw "$@" >"$T/stdout" 2>"$T/stderr"; then
		fail "$*: it worked"
	fi
	tail -n 1 "$T/stderr" >"$T/last"
	has "$text" "$T/last"
	[ -z "$(ls -A "$T/out")$(ls "$T/tmp")" ] ||
		fail "$*: left behind: $(ls -A "$T/out" "$T/tmp")"
	! grep "$T" /proc/mounts || fail "$*: mounts are left"
	[ ! -s "$T/stdout" ] || fail "$*: wrote to standard output"
}

refuse "Element 'nowhere' not found" tiny-os nowhere
refuse "Element 'tiny-so' not found; did you mean 'tiny-os'?" tiny-so
refuse "Element 'cahce' not found; did you mean 'cache'?" cahce gc
refuse "Element '$T/elements/own' not found; elements are named here, and ELEMENTS_PATH" \
	tiny-os "$T/elements/own"
refuse "must be specified, say debian" ""
status=0
image-build >"$T/stdout" 2>"$T/stderr" || status=$?
[ $status = 2 ] || fail "no element is misuse: status $status"
mkdir -p "$T/elements/orphan"
echo absent >"$T/elements/orphan/element-deps"
refuse "Element 'absent' not found (wanted by element orphan)" tiny-os orphan
refuse "Please include an operating system element" base
refuse "no such image type: vhdx9" -t vhdx9 tiny-os
refuse "--image-size: not a size in GiB: much" --image-size much tiny-os
refuse "extra size in MB: no such number: much" --image-extra-size much tiny-os
refuse "extra size in MB: no such number: -5" --image-extra-size -5 tiny-os
DIB_IMAGE_SIZE=much refuse "image size in GiB: no such number: much" tiny-os
DIB_MIN_TMPFS=much refuse "DIB_MIN_TMPFS: much is no number" tiny-os
DIB_DEBUG_TRACE=-1 refuse "DIB_DEBUG_TRACE: -1 is no number" tiny-os
DIB_BLOCK_SIZE=4k refuse "DIB_BLOCK_SIZE: 4k is no number" tiny-os
refuse "',' names no image type" -t , tiny-os
refuse "'' is no name for an image" -o "" tiny-os
refuse "'$T/' is no name for an image" -o "$T/" tiny-os

element_program fails install 50-boom <<'EOF'
#!/bin/bash
echo some words
echo the very last words >&2
exit 3
EOF
refuse "install.d/50-boom (element fails): exit status 3; it said last:" \
	tiny-os fails
has "the very last words" "$T/last"

element_program killed root 60-killed <<'EOF'
#!/bin/bash
kill -9 $$
EOF
refuse "root.d/60-killed (element killed): killed by signal 9" tiny-os killed

element_program noshell post-install 50-noshell <<'EOF'
#!/no/such/interpreter
EOF
refuse "post-install.d/50-noshell (element noshell)" tiny-os noshell

mkdir -p "$T/elements/badenv/environment.d"
echo 'false' >"$T/elements/badenv/environment.d/50-bad"
refuse "root.d/environment.d (element badenv): " tiny-os badenv
has "environment.d/50-bad ended with status 1" "$T/last"
echo 'exit 7' >"$T/elements/badenv/environment.d/50-bad"
refuse "environment.d/50-bad ended with status 7" tiny-os badenv
echo "echo \$NOT_SET" >"$T/elements/badenv/environment.d/50-bad"
refuse "NOT_SET: unbound variable" tiny-os badenv

printf '#!/bin/bash\r\necho no\r\n' | element_program windows install 50-cr
refuse "50-cr: its first line ends in a carriage return" tiny-os windows

mkdir -p "$T/elements/twin1" "$T/elements/twin2"
element_program twin1 install 50-same </dev/null
element_program twin2 install 50-same </dev/null
refuse "There is a duplicated hook in your elements: install.d/50-same (in twin1 and twin2)" \
	tiny-os twin1 twin2

# A link that leads to a script is one.
mv "$T/elements/twin1/install.d/50-same" "$T/elements/twin1/script"
ln -s ../script "$T/elements/twin1/install.d/50-same"
refuse "There is a duplicated hook in your elements: install.d/50-same (in twin1 and twin2)" \
	tiny-os twin1 twin2

mkdir -p "$T/elements/badyaml" "$T/elements/badlayout"
printf 'a:\n  b: [1,\n' >"$T/elements/badyaml/package-installs.yaml"
refuse "badyaml/package-installs.yaml:3:1" tiny-os badyaml base
printf -- '- local_loop:\n    name: image0\n- mkfs:\n   base: nothing\n' \
	>"$T/elements/badlayout/block-device-default.yaml"
refuse "badlayout/block-device-default.yaml: mkfs mkfs_nothing: type is missing" \
	tiny-os badlayout
DIB_BLOCK_DEVICE_CONFIG='- local_loop: {name: image0, mkfs: {type: zfs}}' \
	refuse "mkfs mkfs_image0: no such file system: zfs (ext4, vfat, squashfs, " \
	tiny-os

element_program big install 50-big <<'EOF'
#!/bin/bash
for ((i = 0; i < 20; i++)); do cat /bin/* >/etc/big.$i; done
EOF
refuse "too small for what goes in" --image-size 0.05 tiny-os big

mkdir "$T/elements/nothing"
echo operating-system >"$T/elements/nothing/element-provides"
refuse "root.d made no root file system" nothing

ELEMENTS_PATH=/no/such refuse "ELEMENTS_PATH entry '/no/such' is not a directory" tiny-os
if image-build -o "$T/absent/x" tiny-os 2>"$T/stderr"; then
	fail "an output folder that is not there"
fi
has "cannot write the image here" "$T/stderr"

# A build that is stopped takes its scripts with it.
element_program slow install 50-slow <<'EOF'
#!/bin/bash
sleep 987 &
touch /etc/started
wait
EOF
for how in TERM KILL; do
	image-build -n -o "$T/out/x" -t raw tiny-os slow >"$T/log" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		pgrep -f '^sleep 987$' >/dev/null && break
		sleep 0.1
	done
	kill -$how $pid
	wait $pid && fail "stopped, and status 0"
	for _ in $(seq 50); do
		pgrep -f '^sleep 987$' >/dev/null || break
		sleep 0.1
	done
	pgrep -f '^sleep 987$' && fail "a script outlived the build ($how)"
	[ $how = KILL ] || [ -z "$(ls "$T/tmp")" ] || fail "temporary folder left"
	rm -rf "$T/tmp"/*
done
exit 0
