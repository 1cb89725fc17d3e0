#!/bin/sh
# Hooks and disks that mean ill.  Each ends in a clear report.
# shellcheck source=/dev/null disable=SC2154,SC2016
if [ -z "${UNSHARED-}" ]; then
	unshare -m true 2>/dev/null || {
		echo "no mount namespace of one's own"
		exit 77
	}
	UNSHARED=1 exec unshare -m sh "$0"
fi
. tests/script/refresh-config.lib
trap 'umount -l "$tmp/ro" "$STATE" 2>/dev/null || :; cleanup' EXIT

run() { # sets $status; what it says goes to $tmp/said
	status=0
	timeout 60 refresh-config --root "$ROOT" "$@" >"$tmp/said" 2>&1 ||
	    status=$?
}
said() {
	grep -q "$1" "$tmp/said" || fail "it says $1: $(cat "$tmp/said")"
}

# The lock's folder is read-only, or is not there.
mkdir -p "$tmp/ro"
mount -t tmpfs -o ro none "$tmp/ro"
run --lockfile "$tmp/ro/lock"
equal status $status 1
said "^refresh-config: $tmp/ro/lock: Read-only file system$"
run --lockfile "$tmp/no/such/lock"
equal status $status 1
said "^refresh-config: $tmp/no/such/lock: No such file or directory$"

# A hook that fills the disk which has our state: it fails, and even so its
# report arrives.
receiver
metadata <<X
{"refresh-config": {"signal_url": "$URL/report"}}
X
mkdir -p "$STATE"
mount -t tmpfs -o size=256k none "$STATE"
hook configure.d 10-fill <<'X'
#!/bin/sh
cat /dev/zero >"$REFRESH_CONFIG_STATE_DIR/fill"
X
run
equal status $status 1
said "^refresh-config: configure: 10-fill: exit status 1$"
said "No space left on device"
equal "the report" "$(requests '.[0].body | .status + " " + .error')" \
    "failed configure: 10-fill: exit status 1"
umount "$STATE"

# A state folder that may not be written: told, and the hooks ran.
mount -t tmpfs -o ro none "$STATE"
hook configure.d 10-fill <<X
#!/bin/sh
touch "$tmp/ran"
X
run
[ -e "$tmp/ran" ] || fail "the hook ran"
said "Read-only file system"
umount "$STATE"

# A hook that tells of very many changes.
hook configure.d 10-fill <<'X'
#!/bin/sh
{
	echo '{"names": ["0"'
	seq -f ', "%.0f"' 1 300000
	echo ']}'
} >"$INGOT_CHANGED_FILE"
X
hook configure.d 20-see <<'X'
#!/bin/sh
[ -z "${INGOT_CHANGED_NAMES-}" ] || exit 1
exec refresh-config --if-changed 299999 -- false
X
run -q
said "^refresh-config: configure: 20-see: exit status 1$"
equal "all" "$(jq '.names | length' "$STATE/changed.json")" 300001
rm "$LIBEXEC/configure.d/20-see" "$STATE/changed.json"

# Output without end, without line feeds, of all bytes; ended by its limit.
hook configure.d 10-fill <<'X'
#!/bin/sh
# ingot: timeout=2s
exec cat /dev/urandom
X
run -q
equal status $status 1
equal "limit" "$(last '.hooks[0].timed_out')" true
[ "$(last '.hooks[0].output | length')" -le 4096 ] || fail "its end is kept"
jq . "$STATE/last.json" >/dev/null || fail "the report is JSON"

# It stops its whole group; it waits for input; it closes everything.
hook configure.d 10-fill <<'X'
#!/bin/sh
# ingot: timeout=1s
kill -STOP 0
X
run -q
equal "stopped" "$(last '.hooks[0].timed_out')" true
hook configure.d 10-fill <<'X'
#!/bin/sh
cat
exec 0<&- 1>&- 2>&-
exit 4
X
run -q
equal "no input, no output" "$(last '.hooks[0].status')" 4

# Forks without end until it may not any more; all of it is gone afterwards.
long=98$$.5 # seconds, by which they are known
hook configure.d 10-fill <<X
#!/bin/bash
# ingot: timeout=2s
for i in {1..50}; do
	(trap '' TERM; setsid sleep $long & sleep $long) &
done
wait
X
run -q
equal "forks" "$(last '.hooks[0].timed_out')" true
if [ -w "$(awk '$0 ~ / - cgroup2 / { print $5; exit }' \
    /proc/self/mountinfo)" ]; then
	none() {
		! pgrep -fx "sleep $long" >/dev/null
	}
	eventually none
fi
pgrep -fx "sleep $long" | while read -r pid; do kill -KILL "$pid"; done

# A folder of a thousand hooks, names that look like options, a FIFO.
rm "$LIBEXEC/configure.d/10-fill"
i=0
while [ $i -lt 1000 ]; do
	printf '#!/bin/sh\n' >"$LIBEXEC/configure.d/$i"
	i=$((i + 1))
done
printf '#!/bin/sh\n' >"$LIBEXEC/configure.d/--help"
chmod +x "$LIBEXEC"/configure.d/*
mkfifo -m 755 "$LIBEXEC/configure.d/50-fifo"
run -q
equal status $status 0
equal hooks "$(last '.hooks | length')" 1001

# A phase that is a file; a base that is one.
rm -r "$LIBEXEC/configure.d"
: >"$LIBEXEC/configure.d"
run
equal status $status 1
said "configure.d: Not a directory"
