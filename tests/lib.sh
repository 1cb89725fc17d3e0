# Shared by the test scripts; sourced with ". tests/lib.sh".
# shellcheck shell=sh

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# The test cannot run here, and this is why.
skip() {
	echo "$*"
	exit 77
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# has WHAT FILE...: the words must stand in the file.
has() {
	what=$1
	shift
	grep -qF -- "$what" "$@" || {
		cat "$@" >&2
		fail "\"$what\" is not in $*"
	}
}

# A scratch folder, $T, that goes when the script ends.
scratch() {
	T=$(mktemp -d)
	trap 'rm -rf "$T"' EXIT
}

# A program in an element below $T/elements; its text is on standard input.
element_program() { # element phase name
	mkdir -p "$T/elements/$1/$2.d"
	cat >"$T/elements/$1/$2.d/$3"
	chmod 755 "$T/elements/$1/$2.d/$3"
}

# The same of a script that goes on only while all is well.
element_script() { # element phase name
	{
		echo '#!/bin/bash'
		echo 'set -eu'
		cat
	} | element_program "$@"
}

# A GnuPG home of the test's own.
gpg_home() {
	GNUPGHOME=$T/gpg
	export GNUPGHOME
	mkdir -m 700 "$GNUPGHOME"
}

# The key of NAME@example.org, and what is public of it in $T/NAME.gpg.
gpg_key() { # NAME ALGORITHM
	gpg --batch --quiet --pinentry-mode loopback --passphrase '' \
		--quick-generate-key "$1@example.org" "$2" sign never 2>/dev/null
	gpg --batch --quiet --export "$1@example.org" >"$T/$1.gpg"
}

# What is mounted, but for the scratch folders of others, which come and go.
mounts() {
	awk -v mine="$T" 'index($2, mine) == 1 ||
		$2 !~ "^/(tmp|var/tmp|dev/shm)/"' /proc/mounts | sort
}

# Serve $T/www by HTTP: $U is where, and $T/server/log what was asked for.
serve() { # [VARIABLE=VALUE...]
	rm -rf "$T/server" "$T/stop"
	mkdir "$T/server"
	mkfifo "$T/stop"
	env "$@" tests/publisher "$T/server" "$T/www" <"$T/stop" &
	exec 9>"$T/stop"
	i=0
	while [ ! -s "$T/server/port" ]; do
		i=$((i + 1))
		[ "$i" -lt 600 ] || fail "the server did not start"
		sleep 0.1
	done
	# shellcheck disable=SC2034 # for the script
	U=http://127.0.0.1:$(cat "$T/server/port")
}
