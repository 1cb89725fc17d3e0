#!/bin/sh
# source-repository-* files: every type, what their lines can hold and which
# variables say otherwise; and what is not there is told.
set -eu
. tests/lib.sh
need_root
type git >/dev/null || skip "needs git"
scratch
mkdir -p "$T/elements/code" "$T/elements/no-final-image" "$T/tmp" "$T/out" "$T/top/one" "$T/top/two"
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp" \
	DIB_IMAGE_CACHE="$T/cache" GIT_CONFIG_GLOBAL="$T/gitconfig"
git config --file "$T/gitconfig" user.name me
git config --file "$T/gitconfig" user.email me@example.org
cd "$T/out"

git init -q -b master "$T/repo"
commit() {
	echo "$1" >"$T/repo/file"
	git -C "$T/repo" add file
	git -C "$T/repo" commit -q -m "$1"
}
commit first
first=$(git -C "$T/repo" rev-parse HEAD)
commit second
git -C "$T/repo" tag v2
git -C "$T/repo" checkout -q -b side
commit side
git -C "$T/repo" update-ref refs/changes/9 side
git -C "$T/repo" checkout -q master
git -C "$T/repo" reset -q --hard "$first"
git -C "$T/repo" update-ref refs/heads/far v2
echo a >"$T/top/one/a"
echo b >"$T/top/two/b"
tar -C "$T/top" -czf "$T/top.tgz" .
echo plain >"$T/plain"
ln -s plain "$T/link"

echo source-repositories >"$T/elements/code/element-deps"
element_script code cleanup 50-keep <<'END'
[ -n "${KEEP-}" ] || exit 0
rm -rf "$KEEP"
mkdir "$KEEP"
cp -a "$TARGET_ROOT/etc" "$KEEP"
[ ! -d "$TARGET_ROOT/opt" ] || cp -a "$TARGET_ROOT/opt" "$KEEP"
END
lines() { cat >"$T/elements/code/source-repository-code"; }
build() { # VARIABLE=VALUE...
	env KEEP="$T/tree" "$@" image-build --no-cache -n -o x tiny-os code \
		no-final-image >"$T/log" 2>&1 </dev/null || {
		cat "$T/log"
		fail "$*: status $?"
	}
}
refuse() { # text
	if image-build --no-cache -n -o x tiny-os code >"$T/log" 2>&1; then
		fail "built in spite of: $1"
	fi
	tail -n 1 "$T/log" >"$T/last"
	has "$1" "$T/last"
}
holds() { # file text
	echo "$2" | diff - "$T/tree/opt/$1" || fail "/opt/$1"
}

# ---- every type, lines of every form: the last one lacks its end -------------
printf '%s\n' '# words' '   ' '  # more' '' \
	"head git /opt/head $T/repo" \
	"head git /opt/head $T/repo" \
	"side   git  /opt/side   \$REPO side" \
	"tag git /opt/tag $T/repo v2" \
	"first git /opt/first $T/repo $first" \
	"change git /opt/change $T/repo refs/changes/9" \
	"all git /opt/all $T/repo *" \
	"tar-all tar /opt/tar-all $T/top.tgz ." \
	"tar-tops tar /opt/tar-tops $T/top.tgz *" \
	"tar-one tar /opt/tar-one file://$T/top.tgz one" \
	"file file /opt/deep/file $T/plain" \
	"none package" "$(printf 'crlf file /opt/crlf %s\r' "$T/plain")" | lines
printf 'link file /opt/link file://%s/link' "$T" \
	>>"$T/elements/code/source-repository-code"
build REPO="$T/repo" DIB_INSTALLTYPE_none=package DIB_REPOREF_head='' \
	DIB_REPOTYPE_head='' DIB_INSTALLTYPE_head='' DIB_GITREPOBASE=''
holds head/file first
holds side/file side
holds tag/file second
holds first/file first
holds change/file side
holds all/file first
git -C "$T/tree/opt/all" -c safe.directory='*' rev-parse -q --verify far \
	>/dev/null || fail "the ref * brings all branches"
[ "$(cd "$T/tree/opt" && find tar-* -type f | sort | tr '\n' ' ')" = \
	"tar-all/one/a tar-all/two/b tar-one/a tar-tops/a tar-tops/b " ] ||
	fail "tar: $(find "$T/tree/opt/tar-"*)"
holds deep/file plain
holds crlf plain
holds link plain
[ ! -L "$T/tree/opt/link" ] || fail "a link was put for what it leads to"
has "none install type not set to source" "$T/log"
grep -c . "$T/tree/etc/dib-source-repositories" | grep -qx 13 ||
	fail "which are noted: $(cat "$T/tree/etc/dib-source-repositories")"
grep -qx "head git /opt/head $T/repo $first" \
	"$T/tree/etc/dib-manifests/dib-manifest-git-x" || fail "the git manifest"

# ---- variables -----------------------------------------------------------------
echo 'my-code.x git /opt/code https://example.invalid/repo' | lines
build DIB_GITREPOBASE="file://$T/"
holds code/file first
grep -qx "my-code.x git /opt/code file://$T/repo $first" \
	"$T/tree/etc/dib-manifests/dib-manifest-git-x" ||
	fail "where it was taken from"
build DIB_REPOLOCATION_my_code_x="$T/repo" DIB_REPOREF_my_code_x=side \
	DIB_GITREPOBASE=file:///nowhere
holds code/file side
build DIB_INSTALLTYPE_my_code_x=package
[ ! -e "$T/tree/opt" ] && [ ! -e "$T/tree/etc/dib-source-repositories" ] ||
	fail "not installed from source, and there"

# ---- the cache is diskimage-builder's, in its places -----------------------------
ls -d "$T/cache/source-repositories/my_code_x_"*/.git >/dev/null ||
	fail "the cache: $(ls "$T/cache/source-repositories")"
sum=$(echo "git_$T/gone" | sha1sum | cut -d ' ' -f 1)
git clone -q "$T/repo" "$T/cache/source-repositories/my_code_x_$sum"
echo "my-code.x git /opt/code $T/gone far" | lines
mv "$T/repo" "$T/gone"
build
holds code/file second
rm -rf "$T/gone"
build DIB_OFFLINE=1
holds code/file second

# ---- what is wrong is said in one line ---------------------------------------------
echo "x file /opt/x \$NO_SUCH_THING/plain" | lines
refuse "source-repository-code: exit status 1; it said last: bash: line 5: NO_SUCH_THING: unbound variable"
echo "x tar /opt/x $T/top.tgz three" | lines
refuse "source-repository-code: x: the archive has no three"
echo "x package /opt/x" | lines
refuse "x: Unsupported repository type: package"
printf '%s\n' "x file /opt/x $T/plain" "y git /opt/x $T/cache" | lines
git init -q --bare "$T/cache/.git"
refuse "$T/cache has no ref master"
