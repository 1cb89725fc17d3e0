#!/bin/sh
# A cache that somebody or a bad disk changed, in every way that there is: the
# build says so or does not need it, and makes the same image; nothing outside
# of the cache changes.
set -eu
. tests/lib.sh
need_root
scratch
el=$T/elements
mkdir -p "$T/tmp" "$T/outside/mnt/etc" "$el/some/install.d" "$el/some/pre-install.d"
ELEMENTS_PATH=$el:$PWD/tests/elements TMP_DIR=$T/tmp DIB_IMAGE_CACHE=$T/cache
SOURCE_DATE_EPOCH=1700000000
export ELEMENTS_PATH TMP_DIR DIB_IMAGE_CACHE SOURCE_DATE_EPOCH
printf '#!/bin/sh\necho one >/etc/one\n' >"$el/some/pre-install.d/50-some"
printf '#!/bin/sh\ncat /etc/one /etc/one >/etc/two\n' >"$el/some/install.d/50-some"
chmod +x "$el/some"/*.d/*
echo untouched >"$T/outside/mnt/etc/one"
n=0
build() { # what
	n=$((n + 1))
	rm -rf "$T/out"
	mkdir "$T/out"
	timeout 100 image-build -n -o "$T/out/x" -t tar tiny-os some \
	    >"$T/stdout" 2>"$T/log" || {
		cat "$T/log"
		fail "$1: the build failed"
	}
	[ "$n" = 1 ] && cp "$T/out/x.tar" "$T/good.tar"
	cmp "$T/good.tar" "$T/out/x.tar" || fail "$1: another image"
	[ -z "$(ls -A "$T/tmp")" ] || fail "$1: something is left in TMP_DIR"
	[ "$(cat "$T/outside/mnt/etc/one")$(find "$T/outside" | wc -l)" = untouched4 ] ||
		fail "$1: files outside have changed"
}
store=$T/cache/snapshots
build "the first"
build "nothing changed"
metas() {
	find "$store/steps" -name meta.json
}
diffs() {
	find "$store/steps" -name diff
}

# ---- the documents of snapshots, and what is remembered besides
for text in '' '{' '[]' 'null' '{"diff": 7, "key": [], "mounts": {"a": 1}}' \
	'{"diff": {"fingerprint": ""}, "key": "../../../../outside"}' \
	'{"diff": {}, "network": 7, "unmounts": "x", "reads": [1]}'; do
	for f in $(metas) "$store/last"/*.json; do
		printf '%s' "$text" >"$f"
	done
	build "documents: $text"
done
for f in $(metas) "$store/last"/*.json; do
	head -c 100000 /dev/zero | tr '\0' '[' >"$f"
done
build "documents: too deep"
for f in $(metas); do
	jq '.mounts = [{"at": "../../../../outside", "bind": "/", "read_only": true},
		{"at": "mnt", "type": "ext4"}, {"at": 7}, 8]' "$f" >"$T/meta" 2>/dev/null || continue
	cp "$T/meta" "$f"
done
status=0
image-build -n -o "$T/out/x" -t tar tiny-os some >"$T/stdout" 2>"$T/log" || status=$?
[ $status -le 1 ] || fail "mounts of nobody: exit status $status"
rm -rf "$store/steps"
build "no snapshots"

# ---- the layers
for d in $(diffs); do rm -rf "$d"; done
build "no layers"
for d in $(diffs); do
	rm -rf "$d"
	ln -s "$T/outside" "$d"
done
build "layers that are links"
for d in $(diffs); do
	rm -rf "$d"
	echo file >"$d"
done
build "layers that are files"
for d in $(diffs); do
	find "$d" -type f -exec truncate -s 0 {} +
done
build "empty files"
for d in $(diffs); do
	find "$d" -name one -exec ln -sf "$T/outside/mnt/etc/one" {} \;
done
build "links in layers"
rm -rf "$store/last"
build "no memory"

# ---- the folders of the store
rm -rf "$store/tmp" "$store/dropped"
mkdir -p "$store/tmp/old/deep" "$store/steps/none"
echo x >"$store/archives.json"
build "folders of others"
image-build cache verify >"$T/verify" 2>&1 || :
build "after verify"
image-build cache gc --limit 0 >"$T/gc" 2>&1 || {
	cat "$T/gc"
	fail "gc"
}
build "after gc"
exit 0
