#!/bin/sh
# Local files: names, order, what is refused; the cache as the only memory.
set -u
. tests/helper/collect.sh
d=$ROOT/var/lib/os-collect-config/local-data
p=/var/lib/os-collect-config
mkdir -p "$d/folder"
echo '{"n": 1}' >"$d/b.json"
echo '[1, 2.50, "ü"]' >"$d/a"
echo 'not json' >"$d/.hidden"

# shellcheck disable=SC2016
same "order" "$(collect local --one-time -c 'echo $$OS_CONFIG_FILES')" \
    "$p/a.json:$p/b.json.json"
same "bytes" "$(cat "$cache/a.json")" '[
 1,
 2.5,
 "\u00fc"
]'
same "no change" "$(collect local --one-time -c 'echo ran')" ""
echo ' {"n":1}' >"$d/b.json"
same "the same JSON" "$(collect local --one-time -c 'echo ran')" ""
same "force" "$(collect local --force -c 'echo ran')" ran
echo '{"n": 2}' >"$d/b.json"
same "another" "$(collect local --one-time -c 'echo ran')" ran
rm "$d/a"
# shellcheck disable=SC2016
same "one less" "$(collect local --one-time -c 'echo $$OS_CONFIG_FILES')" \
    "$p/b.json.json"

# A damaged .last is set aside; a damaged list is no trouble either.
echo '{' >"$cache/b.json.json.last"
same "damaged .last" "$(collect local --one-time -c 'echo ran')" ran
same "set aside" "$(cat "$cache/b.json.json.last.corrupt")" '{'
echo '[' >"$cache/os_config_files.json"
same "damaged list" "$(collect local --one-time -c 'echo ran')" ran

# What is refused keeps the last data in use.
for bad in world name json folder; do
	echo '{"n": 3}' >"$d/b.json"
	case $bad in
	world) chmod 666 "$d/b.json" ;;
	name) echo '{}' >"$d/request" ;;
	json) echo '{' >"$d/c" ;;
	folder) chmod 777 "$d" ;;
	esac
	: >"$tmp/err"
	same "$bad" "$(collect local --one-time -c 'echo ran')" ""
	same "$bad: kept" "$(document b.json)" '{"n":2}'
	grep -q 'local. Unavailable' "$tmp/err" || fail "$bad: no word"
	chmod 755 "$d"
	chmod 644 "$d/b.json"
	rm -f "$d/request" "$d/c"
done
same "mended" "$(collect local --one-time -c 'echo ran')" ran

# The backup holds what the command saw.
same "backup" "$(jq -c . "$ROOT/var/run/os-collect-config/b.json.json")" \
    '{"n":3}'
