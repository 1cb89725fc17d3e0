#!/bin/sh
# What surrounds a hook: cgroup, journal, log of the run, history.
# shellcheck source=/dev/null disable=SC2154,SC2016
. tests/script/refresh-config.lib

# The log of the run has every line with its hook's name; 0700 around it.
hook configure.d 10-talk <<'X'
#!/bin/sh
echo "to stdout"
echo "to stderr" >&2
X
refresh-config -q --root "$ROOT"
log=$STATE/runs/$(last .run).log
grep -q '| 10-talk: to stdout$' "$log" || fail "stdout is in $log"
grep -q '| 10-talk: to stderr$' "$log" || fail "stderr is in $log"
equal "mode" "$(stat -c %a "$STATE/runs")" 700

# History: so many runs and no more.
echo 'history: 3' >"$tmp/config"
for _ in 1 2 3 4 5; do
	refresh-config -q --root "$ROOT" --config "$tmp/config"
done
equal "files kept" "$(find "$STATE/runs" -type f | wc -l)" 6
[ -e "$STATE/runs/$(last .run).json" ] || fail "the newest is kept"

# The journal gets each line with what it belongs to.
mkdir -p "$ROOT/run/systemd/journal"
python3 - "$ROOT/run/systemd/journal/socket" "$tmp/journal" <<'X' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
with open(sys.argv[2] + '.new', 'wb') as f:
    for _ in range(2):
        f.write(s.recv(65536) + b'\n')
import os
os.rename(sys.argv[2] + '.new', sys.argv[2])
X
eventually test -S "$ROOT/run/systemd/journal/socket"
refresh-config -q --root "$ROOT"
eventually test -e "$tmp/journal"
for field in "MESSAGE=to stdout" "MESSAGE=to stderr" PRIORITY=6 PRIORITY=5 \
    SYSLOG_IDENTIFIER=10-talk INGOT_PHASE=configure INGOT_HOOK=10-talk \
    "INGOT_RUN=$(last .run)"; do
	grep -qx "$field" "$tmp/journal" || fail "the journal has $field"
done
rm -r "$ROOT/run"

gone() { # pid: it ended, be it that nobody has asked for its status
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	"" | Z*) return 0 ;;
	esac
	return 1
}

# Nothing that a hook started outlives it, not even in a session of its own.
base=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
if [ -z "$base" ] || [ ! -w "$base$own" ]; then
	echo "cgroup v2 is not writable here: the rest was left out"
	exit 77
fi
hook configure.d 20-daemon <<X
#!/bin/sh
setsid sh -c 'trap "" TERM HUP; echo \$\$ >"$tmp/daemon"; sleep 600' \
    >/dev/null 2>&1 </dev/null &
while [ ! -s "$tmp/daemon" ]; do sleep 0.05; done
X
refresh-config -q --root "$ROOT" &
pid=$!
wait $pid
gone "$(cat "$tmp/daemon")" || fail "the daemon is gone"
left=$(find "$base$own" -maxdepth 1 -name "refresh-config.$pid.*" | wc -l)
equal "cgroups left" "$left" 0

# One that was killed leaves its cgroup to the next.
hook configure.d 20-daemon <<X
#!/bin/sh
setsid sh -c 'echo \$\$ >"$tmp/orphan"; sleep 600' >/dev/null 2>&1 </dev/null &
while [ ! -s "$tmp/orphan" ]; do sleep 0.05; done
touch "$tmp/ready"
sleep 600
X
refresh-config -q --root "$ROOT" &
pid=$!
eventually test -e "$tmp/ready"
kill -KILL $pid
wait $pid || :
rm "$LIBEXEC/configure.d/20-daemon"
refresh-config -q --root "$ROOT"
eventually gone "$(cat "$tmp/orphan")"
