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
bad=0
/usr/bin/python3 tests/script/apply-config-debian.py 1 20 || bad=1
differ=../shared/tools/apply-config-differ
if [ -x "$differ" ] || [ -f "$differ" ]; then
	state=$(mktemp -d)
	APPLY_CONFIG_STATE=$state /usr/bin/python3 "$differ" \
	    --ours "$BUILD/bin/os-apply-config" \
	    --theirs /usr/bin/os-apply-config --seed 1000 --rounds 4 || bad=1
	rm -rf "$state"
fi
exit $bad
