#!/bin/sh
# KVM is used exactly when the trial machine says that it works. A stand-in
# for QEMU plays the trials: one that works, one that fails, one that hangs.
set -u
if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "no /dev/kvm to try"
	exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin"
cat >"$tmp/bin/qemu-system-x86_64" <<'EOF'
#!/bin/sh
case "$*" in
*isa-debug-exit*) case $TRIAL in
	works) exit 33 ;;
	fails) exit 1 ;;
	hangs) trap '' TERM; echo $$ >"$TRIAL_PID"; while :; do sleep 1; done ;;
	esac ;;
esac
echo "$@"
EOF
chmod +x "$tmp/bin/qemu-system-x86_64"
truncate -s 1M "$tmp/disk.img"
PATH=$tmp/bin:$PATH
TRIAL_PID=$tmp/pid
export TRIAL TRIAL_PID
bad=0
expect() { # trial accelerator
	TRIAL=$1
	image-run -v "$tmp/disk.img" >"$tmp/out" 2>"$tmp/err"
	grep -q -e "console: .*-accel $2 -cpu" "$tmp/err" && return
	echo "when it $1, $2 was wanted:"
	cat "$tmp/err"
	bad=1
}
expect works kvm
expect fails tcg,thread=multi
expect hangs tcg,thread=multi
if kill -0 "$(cat "$tmp/pid")" 2>/dev/null &&
    [ -n "$(tr -d '\0' <"/proc/$(cat "$tmp/pid")/cmdline")" ]; then
	echo "the hanging trial is still there"
	bad=1
fi
exit $bad
