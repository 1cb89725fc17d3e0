#!/bin/sh
# image-build lint finds what is wrong, and nothing in what is right; what
# image-build new makes is right, and can be built.
set -eu
. tests/lib.sh
scratch
mkdir "$T/e"
export ELEMENTS_PATH="$T/e"
lint() { # element: $T/out is what it found
	status=0
	image-build lint "$@" >"$T/out" 2>"$T/err" || status=$?
	sed -i "s#$T/e/##" "$T/out"
	[ ! -s "$T/err" ] || fail "lint: $(cat "$T/err")"
	[ $status = "$([ -s "$T/out" ] && echo 1 || echo 0)" ] ||
		fail "status $status: $(cat "$T/out")"
}
# finds CHECK PLACE: exactly this one; the element is x.
finds() {
	lint x
	[ "$(grep -c . "$T/out")" = 1 ] && grep -q "^$2: .* \[$1\]$" "$T/out" ||
		fail "wanted $1 at $2, got: $(cat "$T/out")"
	rm -rf "$T/e/x"
	cp -a "$T/good" "$T/e/x"
}

# ---- what is shipped, and what new makes --------------------------------------
for e in elements/*/; do
	lint "$e"
	[ ! -s "$T/out" ] || fail "$e: $(cat "$T/out")"
done
image-build new "$T/e/my-own" "$T/e/x" >"$T/out"
printf '%s\n' "$T/e/my-own" "$T/e/x" | diff - "$T/out"
lint my-own x
[ ! -s "$T/out" ] || fail "a new element: $(cat "$T/out")"
grep -q 'DIB_my_own_COLOUR' "$T/e/my-own/install.d/50-my-own" ||
	fail "the variable's name"
image-build new "$T/e/x" 2>"$T/err" && fail "new over an old one"
has "is there already" "$T/err"
for bad in 'a b' -x a.b .a "$T/e/"; do
	image-build new -- "$bad" 2>"$T/err" && fail "new '$bad'"
done
status=0
image-build new 2>"$T/err" || status=$?
[ $status = 2 ] || fail "new without a name: status $status"
[ "$(find "$T/e" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ] ||
	fail "left behind: $(ls -a "$T/e")"
if [ "$(id -u)" = 0 ]; then
	mkdir "$T/tmp"
	(cd "$T" && ELEMENTS_PATH=$T/e:$OLDPWD/tests/elements TMP_DIR=$T/tmp \
		DIB_IMAGE_CACHE=$T/cache image-build -n -o x -t raw tiny-os \
		my-own) >"$T/out" 2>&1 || {
		cat "$T/out"
		fail "a new element cannot be built"
	}
	[ "$(debugfs -R 'cat /etc/my-own.conf' "$T/x.raw" 2>/dev/null)" = \
		colour=blue ] || fail "a new element does nothing"
fi

# ---- one fault at a time --------------------------------------------------------
cp -a "$T/e/x" "$T/good"
x=$T/e/x
s=$x/install.d/50-x
rm "$x/README.md" && finds readme x
mv "$x/install.d" "$x/instal.d" && finds names x
mv "$x/package-installs.yaml" "$x/package-installs.yml" && finds names x
mkdir "$x/finalize.d" && touch "$x/finalize.d/README" && finds names x
: >"$x/element-deps" && finds deps x
echo zzz >>"$x/element-deps" && finds deps x/element-deps
mkdir "$x/static" && touch "$x/static/file" && finds deps x
mv "$s" "$s.sh" && finds skipped x/install.d/50-x.sh
printf 'echo\n' >"$x/install.d/60-plain" && finds skipped x/install.d/60-plain
printf 'echo\n' >"$x/install.d/60-plain" &&
	chmod +x "$x/install.d/60-plain" && finds skipped x/install.d/60-plain:1
echo x >"$x/left-over" && finds unused x/left-over
printf 'package-installs\ninstall-bin\n' >"$x/element-deps" &&
	finds sorted x/element-deps:2
echo source-repositories >>"$x/element-deps"
echo 'name git dest there' >"$x/source-repository-a" &&
	finds sources x/source-repository-a:1
echo 'a: [' >"$x/package-installs.yaml" && finds data x/package-installs.yaml
echo '{"a": 1,}' >"$x/pkg-map" && finds data x/pkg-map
echo '- a' >"$x/package-installs.yaml" && finds data x/package-installs.yaml
sed -i '1s/.*/#!\/usr\/bin\/env bash/' "$s" && finds shebang x/install.d/50-x:1
sed -i 's/^set -eu/set -u/' "$s" && finds sete x/install.d/50-x
sed -i 's/^set -eu/set -e/' "$s" && finds setu x/install.d/50-x
sed -i '/pipefail/d' "$s" && finds setpipefail x/install.d/50-x
sed -i 's/DIB_DEBUG_TRACE/TRACE/' "$s" && finds dibdebugtrace x/install.d/50-x
chmod +x "$x/environment.d/50-x.bash" &&
	finds environment x/environment.d/50-x.bash
echo 'set -x' >>"$x/environment.d/50-x.bash" &&
	finds environment x/environment.d/50-x.bash:4
# shellcheck disable=SC2016
echo 'export X=$(date)' >>"$x/environment.d/50-x.bash" &&
	finds export x/environment.d/50-x.bash:4
mkdir "$x/cleanup.d" && cp "$s" "$x/cleanup.d/50-y" &&
	echo 'sudo rm -rf /tmp/x' >>"$x/cleanup.d/50-y" &&
	finds safe_sudo x/cleanup.d/50-y:15
# shellcheck disable=SC2016
echo 'x=$(which ls)' >>"$s" && finds which x/install.d/50-x:15
echo 'curl https://mirror.debian.net/x' >>"$s" && finds hosts x/install.d/50-x:15
printf 'if true; then\n   echo\nfi\n' >>"$s" && finds indent x/install.d/50-x:16
printf 'if true; then\n\techo\nfi\n' >>"$s" && finds tabindent x/install.d/50-x:16
printf 'echo end' >>"$s" && finds newline x/install.d/50-x:15
mkdir "$x/bin" && cp "$s" "$x/bin/tool" && chmod -x "$x/bin/tool" &&
	echo install-bin >"$x/element-deps" &&
	echo package-installs >>"$x/element-deps" &&
	finds executable x/bin/tool

# ---- what is right -----------------------------------------------------------------
cat >>"$s" <<'EOF'
# sudo which https://mirror.debian.net is only said here
cat >/etc/x <<END
   which way
	tab
END
sudo ls
url=${X_URL:-https://mirror.debian.net/x} local=http://127.0.0.1/
cat "$(dirname "$0")/50-x.conf"
type -p ls && \
  echo "$url $local"
EOF
echo 'colour: blue' >"$x/install.d/50-x.conf"
echo 'printf end' >"$x/helper" && echo '. "$here/helper"' >>"$s"
lint x
[ ! -s "$T/out" ] || fail "found in what is right: $(cat "$T/out")"

# ---- switched off ---------------------------------------------------------------------
echo 'x=$(which ls)' >>"$s"
echo '# dib-lint: disable=sete which' >>"$s"
lint x
[ ! -s "$T/out" ] || fail "disable: $(cat "$T/out")"
rm "$x/README.md"
(cd "$T" && printf '[other]\nignore = x\n[dib-lint]\nignore = readme indent\n' \
	>tox.ini && image-build lint x) || fail "tox.ini"
image-build lint x >"$T/out" && fail "without tox.ini"

# ---- what cannot be ---------------------------------------------------------------------
image-build lint nowhere 2>"$T/err" && fail "no such element"
has "Element 'nowhere' not found" "$T/err"
image-build lint "$T/nowhere" 2>"$T/err" && fail "no such folder"
status=0
image-build lint 2>"$T/err" || status=$?
[ $status = 2 ] || fail "nothing named: status $status"
[ "$(image-build lint --list | wc -l)" -ge 20 ] || fail "--list"
