#!/bin/sh
# Element lists expand as diskimage-builder expands them: a thousand random
# graphs, each against its own resolver.  RESOLVER_SEED repeats a run.
set -eu
. tests/lib.sh
/usr/bin/python3 -c 'import diskimage_builder.element_dependencies' 2>/dev/null ||
	skip "needs python3-diskimage-builder"
case $BUILD in
*-san) n=250 ;;
*) n=1000 ;;
esac
/usr/bin/python3 tests/script/image-build-resolver.py \
	"${RESOLVER_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}" $n
