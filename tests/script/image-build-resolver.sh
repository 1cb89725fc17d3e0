#!/bin/sh
# Element lists expand as diskimage-builder expands them: a thousand random
# graphs, each against its own resolver.  RESOLVER_SEED says which graphs; by
# default they are always the same.
set -eu
. tests/lib.sh
/usr/bin/python3 -c 'import diskimage_builder.element_dependencies' 2>/dev/null ||
	skip "needs python3-diskimage-builder"
scratch

# What --env prints is what theirs prints, as bash takes it.
mkdir -p "$T/e/os" "$T/e/a" "$T/e/b"
echo operating-system >"$T/e/os/element-provides"
echo b >"$T/e/a/element-deps"
cat >"$T/show" <<'EOF'
eval "$1"
tr ' ' '\n' <<<"$IMAGE_ELEMENT" | sort
sort <<<"$IMAGE_ELEMENT_YAML" | grep .
eval declare -A all=\($(get_image_element_array)\)
for name in a b os; do echo "[$name]=${all[$name]}"; done
declare -p IMAGE_ELEMENT IMAGE_ELEMENT_YAML | grep -c '^declare -x'
EOF
theirs=$(/usr/bin/python3 -c 'import diskimage_builder.paths as p
p.show_path("lib")')/element-info.py
export ELEMENTS_PATH="$T/e"
bash -eu "$T/show" "$(element-info --env os a)" >"$T/ours"
bash -eu "$T/show" "$(/usr/bin/python3 "$theirs" --env os a)" >"$T/theirs"
diff -u "$T/theirs" "$T/ours"
[ "$(wc -l <"$T/ours")" = 10 ] || fail "--env: $(cat "$T/ours")"
unset ELEMENTS_PATH

case $BUILD in
*-san) n=250 ;;
*) n=1000 ;;
esac
/usr/bin/python3 tests/script/image-build-resolver.py "${RESOLVER_SEED-1}" $n
