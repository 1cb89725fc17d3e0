#!/bin/sh
# A script of the target that sets out to reach the host's files in every way
# that root knows: there is nothing of the host to break out to.
set -eu
. tests/lib.sh
need_root
# What others mount meanwhile is not ours to compare.
[ -n "${APART-}" ] || APART=1 exec unshare -m "$0"
scratch
case $(uname -m) in
x86_64) calls="mount=165 umount=166 pivot=155 setns=308 handle=304" ;;
aarch64) calls="mount=40 umount=39 pivot=41 setns=268 handle=265" ;;
*) skip "the system calls of $(uname -m) are not known here" ;;
esac
export ELEMENTS_PATH="$T/elements:$PWD/tests/elements" TMP_DIR="$T/tmp"
mkdir "$T/tmp"
echo "$T" >"$T/secret"

# One program that can call the kernel.
element_script escape root 50-perl <<'EOT'
perl=$(readlink -f "$(type -P perl)")
cp "$perl" "$TARGET_ROOT/usr/bin/perl"
ldd "$perl" | grep -o '/[^ ]*' | while read -r lib; do
	mkdir -p "$TARGET_ROOT$(dirname "$lib")"
	[ -e "$TARGET_ROOT$lib" ] || cp -L "$lib" "$TARGET_ROOT$lib"
done
EOT
mkdir -p "$T/elements/escape/install.d"
cat >"$T/elements/escape/install.d/50-escape" <<'EOT'
#!/usr/bin/perl
my %number = map { split /=/ } split / /, 'CALLS';
my ($secret, $detach, $bind) = ('SECRET', 2, 4096 | 16384);
my @folders = ('', '/old', '/sub', '/sub/old', map { "/proc/$_/root" } 1, 2,
	'self', getppid);
mkdir $_ for '/sub', '/old';

# The kernel wants numbers as numbers, and strings that can be written to.
sub call { my ($name, @with) = @_; return syscall 0 + $number{$name}, @with }
sub climb { chdir '..' for 1 .. 64; chroot '.' }
sub seen { return (grep { -e "$_$secret" } @folders)[0] }
my $failed = 0;
sub try {
	my ($way, $act) = @_;
	my $pid = fork;
	if ($pid == 0) {
		$act->();
		exit 0 if !defined seen;
		print "escaped by: $way (", seen, "$secret)\n";
		exit 1;
	}
	waitpid $pid, 0;
	$failed = 1 if $? != 0;
}
open my $m, '/proc/self/mountinfo' or exit 2;
while (<$m>) {
	my $at = (split)[4];
	next if $at =~ m{^/((proc|sys|dev|run|tmp/in_target\.d)(/|$)|$)};
	print "mounted here: $at\n";
	$failed = 1;
}
for my $f (map { ("/proc/$_/mounts", "/proc/$_/mountinfo",
	"/proc/$_/mountstats") } 1, '1/task/1', 'self', getppid) {
	open my $m, $f or next;
	next if !grep { m{ \QPLACE\E[/ ]} } <$m>;
	print "$f tells of the host's mounts\n";
	$failed = 1;
}
my @ways = (
	'nothing' => sub { },
	'a chroot below the working folder' => sub { chroot '/sub'; climb },
	'a folder from before a chroot' => sub {
		opendir my $d, '/'; chroot '/sub'; chdir $d; climb;
	},
	'another root' => sub {
		call 'mount', 'none', '/sub', 'tmpfs', 0, '';
		mkdir '/sub/old';
		call 'pivot', '/sub', '/sub/old';
		chdir '/'; climb;
	},
	'the root mounted again' => sub {
		call 'mount', '/', '/sub', '', $bind, 0;
		chroot '/sub'; climb;
	},
	"init's root mounted" => sub {
		call 'mount', '/proc/1/root', '/sub', '', $bind, 0;
	},
	"init's namespace" => sub {
		for my $pid (1, 2, getppid) {
			open my $n, "/proc/$pid/ns/mnt" or next;
			call 'setns', fileno $n, 0;
			chdir '/'; climb;
		}
	},
	'a file handle' => sub {
		opendir my $d, '/';
		for my $type (1, 2, 0x81) {
			my $handle = pack 'LlLL', 8, $type, 2, 0;
			my $fd = call 'handle', fileno $d, $handle, 0;
			next if $fd < 0;
			chdir "/proc/self/fd/$fd"; climb;
		}
	},
	'descriptors that are open' => sub {
		for my $fd (0 .. 1023) { chdir "/proc/self/fd/$fd" and climb }
	},
	# These leave the next ones nothing to look at.
	'the root unmounted' => sub {
		call 'umount', '/', $detach; chdir '/'; climb;
	},
	'all unmounted' => sub {
		open my $m, '/proc/mounts';
		for (reverse map { (split)[1] } <$m>) {
			call 'umount', $_, $detach;
		}
		climb;
	},
);
try splice @ways, 0, 2 while @ways;
exit $failed;
EOT
sed -i "s|CALLS|$calls|; s|SECRET|$T/secret|; s|PLACE|$T/tmp|" \
	"$T/elements/escape/install.d/50-escape"
chmod +x "$T/elements/escape/install.d/50-escape"
# environment.d of the target runs there too.
mkdir "$T/elements/escape/environment.d"
cat >"$T/elements/escape/environment.d/50-look" <<EOT
if [ -d /tmp/in_target.d ]; then
	[ ! -e "/proc/1/root$T/secret" ] || return 1
	! grep -q " $T" /proc/self/mounts || return 1
fi
EOT

for cache in "" --no-cache; do
	mounts >"$T/mounts"
	# shellcheck disable=SC2086
	timeout 100 image-build $cache --image-cache "$T/cache" -o "$T/image" \
		-t raw --image-size 0.1 -n tiny-os escape >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "it got out ($cache)"
	}
	mounts | diff "$T/mounts" - || fail "the host's mounts changed"
	[ -z "$(ls -A "$T/tmp")" ] || fail "something is left: $(ls -A "$T/tmp")"
done
