#!/bin/sh
# The same input to Debian's os-apply-config and to ours: the same output.
set -u
if [ ! -x /usr/bin/os-apply-config ]; then
	echo "python3-os-apply-config is not installed"
	exit 77
fi
# In memory, if we may, where seeing files to the disk takes no time.
if [ -w /dev/shm ]; then
	TMPDIR=/dev/shm
	export TMPDIR
fi
# The sanitizers make it slow to start: a part of it will do.
every=1 rounds=4
case $BUILD in
*-san) every=5 rounds=1 ;;
esac
bad=0
/usr/bin/python3 tests/script/apply-config-debian.py 1 20 $every || bad=1
differ=../shared/tools/apply-config-differ
if [ -x "$differ" ] || [ -f "$differ" ]; then
	state=$(mktemp -d)
	APPLY_CONFIG_STATE=$state /usr/bin/python3 "$differ" \
	    --ours "$BUILD/bin/os-apply-config" \
	    --theirs /usr/bin/os-apply-config --seed 1000 --rounds $rounds || bad=1
	rm -rf "$state"
fi
exit $bad
