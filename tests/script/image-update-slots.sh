#!/bin/sh
# A machine with two root partitions, made of loop devices: the next image is
# filled into the other one, started on trial by either loader's entry, kept
# when its checks hold, gone when they do not; changes of /etc follow it.
set -eu
. tests/lib.sh
need_root
scratch
devices=
trap 'for d in $devices; do losetup -d "$d" || true; done; rm -rf "$T"' EXIT
M=$T/machine
umask 022
openssl genpkey -algorithm ed25519 -out "$T/key"
openssl pkey -in "$T/key" -pubout -out "$T/pub"

# Hooks are noted, none of the host's is run.
mkdir -p "$T/bin" "$M/dev/disk/by-partlabel" "$M/proc" "$M/state" "$T/mnt"
cat >"$T/bin/refresh-config" <<EOF
#!/bin/sh
echo "\$*" >>"$T/phases"
[ ! -e "$T/phase-fails" ] || { echo "nginx does not stop"; exit 1; }
EOF
cat >"$T/bin/systemctl" <<EOF
#!/bin/sh
case \$1 in
list-units) echo web.service loaded active running ;;
try-restart) shift 2; echo "\$* \$(cat "$M/usr/share/web/page")" >>"$T/restarts" ;;
esac
EOF
printf '#!/bin/sh\necho "$*" >>%s/later\n' "$T" >"$T/bin/systemd-run"
chmod +x "$T"/bin/*
PATH=$T/bin:$PATH

disk() { # LABEL MIB
	truncate -s "$2M" "$T/$1.disk"
	d=$(losetup -f --show "$T/$1.disk") || skip "needs loop devices"
	devices="$devices $d"
	ln -s "$d" "$M/dev/disk/by-partlabel/$1"
}
disk esp 40
disk root-a 64
disk root-b 64
dev() { readlink "$M/dev/disk/by-partlabel/$1"; }
on() { # LABEL COMMAND...: with its file system at $T/mnt
	mount "$(dev "$1")" "$T/mnt"
	shift
	status=0
	"$@" || status=$?
	umount "$T/mnt"
	return $status
}
update() { image-update --root "$M" --key "$T/pub" "$@"; }
quiet() { update "$@" >"$T/out" 2>&1 || { cat "$T/out"; fail "$*"; }; }
running() { echo "BOOT_IMAGE=x ro ingot.slot=$1 quiet" >"$M/proc/cmdline"; }
entries() { on esp ls "$T/mnt/loader/entries" | tr '\n' ' '; }
grubenv() { on esp grep -v '^#' "$T/mnt/grub/grubenv" | tr '\n' ' '; }
entries_are() {
	[ "$(entries)" = "$1" ] || fail "entries: $(entries), not $1"
}
state_is() {
	[ "$(update history --json | jq -r '.[-1].state')" = "$1" ] ||
		fail "$(update history)"
}

# ---- two images, the first of them installed as image-build does it
image() { # NAME VERSION
	t=$T/$1
	mkdir -p "$t/boot" "$t/etc/kernel" "$t/etc/web" "$t/etc/sub" "$t/usr/lib/ingot" "$t/usr/bin"
	echo "kernel of $1" >"$t/boot/vmlinuz-6.$2"
	echo "initrd of $1" >"$t/boot/initrd.img-6.$2"
	echo "root=LABEL=x ro console=ttyS0" >"$t/etc/kernel/cmdline"
	printf 'root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n' >"$t/etc/passwd"
	echo "as in every image" >"$t/etc/same"
	echo "as in $1" >"$t/etc/differs"
	echo "as in $1" >"$t/etc/web/conf"
	echo "as in $1" >"$t/etc/sub/conf"
	head -c 3000000 /dev/urandom >"$t/usr/bin/large"
	mkdir -p "$t/usr/share/web" "$t/usr/lib/ingot/restart.d"
	echo "page of $1" >"$t/usr/share/web/page"
	printf '/usr/share/web %s.service\n' web page \
		>"$t/usr/lib/ingot/restart.d/web"
	describe "$1" "$2"
}
describe() {
	image-update describe "$T/$1" --image-version "$2" --sign "$T/key" \
		>"$T/$1.contents"
}
image one 1
image two 2
echo "web:x:100:100::/:/bin/false" >>"$T/two/etc/passwd"
chmod 750 "$T/two/etc/web"
describe two 2
mkfs.ext4 -q "$(dev root-a)"
fill_a() {
	cp -a "$T/one/." "$T/mnt/"
	cp "$T/one.contents" "$T/mnt/usr/lib/ingot/contents"
}
on root-a fill_a
if grep -q vfat /proc/filesystems && [ -n "$(command -v mkfs.vfat)" ]; then
	mkfs.vfat "$(dev esp)" >/dev/null
else
	mkfs.ext4 -q "$(dev esp)"
fi
fill_esp() {
	mkdir -p "$T/mnt/loader/entries" "$T/mnt/ingot/a" "$T/mnt/grub"
	echo "linux /ingot/a/linux" >"$T/mnt/loader/entries/ingot-a-1.conf"
	cp "$T/one/boot/vmlinuz-6.1" "$T/mnt/ingot/a/linux"
}
on esp fill_esp
mkdir -p "$M/state/etc-a/upper"
mine=$M/state/etc-a/upper
running a

# ---- others may have the ESP mounted for writing
mount "$(dev esp)" "$T/mnt"
update status >"$T/out" || fail "beside another mount of the ESP"
umount "$T/mnt"

# ---- nothing there to go back to; a plan changes nothing
update status >"$T/out"
has "version 1" "$T/out"
update rollback 2>"$T/err" && fail "went back to nothing"
has "no slot to go back to" "$T/err"
update apply --plan "$T/two" >"$T/out"
has "changed    etc/differs" "$T/out"
entries_are "ingot-a-1.conf "

# ---- an image that cannot be started is refused before anything is written
cp -a "$T/two" "$T/none"
rm -r "$T/none/boot"
describe none 2
update apply --plan "$T/none" >"$T/out" 2>"$T/err" && fail "a plan without a kernel"
has "image none: it names no kernel to start" "$T/err"
update apply "$T/none" >"$T/out" 2>&1 && fail "an image without a kernel"
has "image none: it names no kernel to start" "$T/out"
grep -q "stage" "$T/out" && fail "it was staged"
rm -r "$T/none/usr"
mkdir "$T/none/boot"
echo "a kernel" >"$T/none/boot/vmlinuz-6.2"
describe none 2
for plan in "" --plan; do
	update apply $plan "$T/none" >"$T/out" 2>&1 && fail "an image that says nothing"
	has "image none: it has no /usr/lib/ingot to tell what it is" "$T/out"
	grep -q "stage" "$T/out" && fail "it was staged"
done
rm -r "$T/none"

# ---- /etc: a conflict is refused before anything is stopped
echo "as the machine wants it" >"$mine/differs"
printf 'root:x:0:0::/:/bin/sh\nother:x:100:1::/:/bin/sh\n' >"$mine/passwd"
update apply --plan "$T/two" >"$T/out" 2>"$T/err" && fail "a plan with conflicts"
has "conflict   /etc/differs: changed here and by the image" "$T/out"
has "conflict   /etc/passwd: web and other have one number, 100" "$T/out"
has "activation: reboot (another kernel)" "$T/out"
has "2 conflicts in /etc: it would be refused" "$T/err"
update apply --plan --json "$T/two" 2>/dev/null >"$T/out" || :
jq -e '.conflicts | length == 2' "$T/out" >/dev/null || fail "conflicts as JSON"
tar -C "$T/two" -cf "$T/two.tar" .
update apply --plan "$T/two.tar" >"$T/out" 2>"$T/err" && fail "a plan with conflicts"
has "conflict   /etc/differs: changed here and by the image" "$T/out"
rm "$mine/passwd" "$T/two.tar"
[ ! -e "$M/state/etc-b.new" ] || fail "a plan merged"
rm -f "$T/phases"
update apply "$T/two" >"$T/out" 2>&1 && fail "a conflict was taken"
has "/etc/differs: changed here and by the image" "$T/out"
[ ! -e "$T/phases" ] || fail "something was stopped: $(cat "$T/phases")"
state_is FAILED
entries_are "ingot-a-1.conf "
rm "$mine/differs"

# ---- what a folder was replaced by, and what was replaced by a folder
merged() { # NAME [CONFLICT]: what the machine has made of it is there
	if [ $# = 1 ]; then
		update apply --plan "$T/two" >"$T/out" 2>&1 || {
			cat "$T/out"
			fail "$1: a conflict"
		}
	else
		update apply --plan "$T/two" >"$T/out" 2>&1 && fail "$1: not $2"
		has "conflict   /etc/$1: $2" "$T/out"
		has "1 conflict in /etc" "$T/out"
	fi
	rm -r "${mine:?}/$1"
}
mknod "$mine/sub" c 0 0 # the overlay's note that it was removed
merged sub "removed here, changed by the image"
echo "a file" >"$mine/sub"
merged sub "changed here and by the image"
ln -s elsewhere "$mine/sub"
merged sub "changed here and by the image"
mkdir -m 700 "$mine/web"
merged web "changed here and by the image"
mkdir -m 750 "$mine/web"
merged web
mkdir "$mine/web"
setfattr -n trusted.overlay.opaque -v y "$mine/web"
merged web "replaced here, changed by the image"
mknod "$mine/kernel" c 0 0
merged kernel
ln -s elsewhere "$mine/kernel"
merged kernel
mkdir "$mine/differs"
merged differs "a folder here, none in the image"
mkdir "$mine/same"
merged same
# Who may read a list of users, or whose it is, is nobody's line.
cp "$T/one/etc/passwd" "$mine/passwd"
chmod 640 "$T/two/etc/passwd"
chmod 604 "$mine/passwd"
describe two 2
merged passwd "its owner or mode changed here and by the image"

# ---- a hook that fails: what was stopped goes on
touch "$T/phase-fails"
update apply "$T/two" >"$T/out" 2>&1 && fail "a failing hook was taken"
has "nginx does not stop" "$T/out"
[ "$(cat "$T/phases")" = "--phase pre-configure
--phase post-configure" ] || fail "phases: $(cat "$T/phases")"
state_is FAILED
rm "$T/phase-fails" "$T/phases"

# ---- the switch
echo "only here" >"$mine/machine-id"
echo "changed here" >"$mine/same"
cp -p "$T/one/etc/web/conf" "$mine/copy"
mkdir "$mine/web"
cp -p "$T/one/etc/web/conf" "$mine/web/conf"
{ cat "$T/one/etc/passwd"; echo "jo:x:1000:1000::/home/jo:/bin/sh"; } >"$mine/passwd"
quiet apply "$T/two"
entries_are "ingot-a-1.conf ingot-b-2+3.conf "
[ "$(grubenv)" = "slot=a trial=b tries=3 " ] ||
	fail "grubenv: $(grubenv)"
has_boot() {
	has "options root=PARTLABEL=root-b ingot.slot=b ro console=ttyS0 panic=10" \
		"$T/mnt/loader/entries/ingot-b-2+3.conf"
	has "linux /ingot/b/linux root=PARTLABEL=root-b" "$T/mnt/ingot/b/grub.cfg"
	cmp "$T/two/boot/vmlinuz-6.2" "$T/mnt/ingot/b/linux"
	cmp "$T/two/boot/initrd.img-6.2" "$T/mnt/ingot/b/initrd"
}
on esp has_boot
is_two() {
	tests/tree-list "$T/two" | grep -v "usr/lib/ingot" | cut -d' ' -f1-4 >"$T/want"
	tests/tree-list "$T/mnt" | grep -v "usr/lib/ingot" | cut -d' ' -f1-4 >"$T/got"
	cmp "$T/two.contents" "$T/mnt/usr/lib/ingot/contents" &&
		diff -u "$T/want" "$T/got"
}
on root-b is_two || fail "the slot is not the image"
other=$M/state/etc-b/upper
[ "$(cat "$other/machine-id" "$other/same")" = "only here
changed here" ] || fail "changes of /etc are lost"
[ ! -e "$other/web/conf" ] || fail "the old image's file hides the new one's"
[ "$(cut -d: -f1 "$other/passwd" | tr '\n' ' ')" = "root daemon web jo " ] ||
	fail "users: $(cat "$other/passwd")"
[ "$(stat -c %a "$other/passwd")" = 640 ] || fail "the image's mode of passwd"
[ "$(cut -d: -f1 "$mine/passwd" | tr '\n' ' ')" = "root daemon jo " ] ||
	fail "the running image's users changed"
[ "$(cat "$M/state/image-update/units")" = "web.service loaded active running" ] ||
	fail "units: $(cat "$M/state/image-update/units")"
update status --json | jq -e '.update.state == "SWITCHED"' >/dev/null ||
	fail "the state is not SWITCHED"

# ---- it did not come up: the loader went back, and so does the journal
running a
quiet boot
state_is ROLLEDBACK
entries_are "ingot-a-1.conf "
update history >"$T/out"
has "it did not come up" "$T/out"
has "refresh-config" "$T/later"

# ---- what metadata ask for, and what became of it as part of the report
mkdir -p "$M/var/lib/os-collect-config"
asks() { # VERSION
	echo "{\"image\": {\"url\": \"$T/two\", \"version\": $1, \"manifest-key\": \"PEM\"}}" \
		>"$M/var/lib/os-collect-config/x.json"
}
echo '["/var/lib/os-collect-config/x.json"]' \
	>"$M/var/lib/os-collect-config/os_config_files.json"
asks 2
# Also where nothing can be written down; then it is told again.
(
	ulimit -f 0
	trap '' XFSZ
	update follow 2>&1
) | cat >"$T/out"
has "the update to two was taken back: it did not come up; to be told again: " "$T/out"
update follow >"$T/out" 2>&1 && fail "a failure was not told"
has "the update to two was taken back: it did not come up" "$T/out"
update follow >"$T/out" 2>&1 && fail "a version that failed is tried again"
has "image version 2 was taken back at" "$T/out"
rm "$T/later"
asks 1
quiet follow
has "image version 1 runs" "$T/out"
[ ! -e "$T/later" ] || fail "an update to what runs was begun"
asks 9
quiet follow
has "update to image version 9 begins" "$T/out"
has "image-update apply --key" "$T/later"
has "--image-version=9" "$T/later"
[ "$(cat "$M/state/image-update/metadata.pem")" = PEM ] || fail "the key"

# ---- what cannot even begin is told as well, once
openssl pkey -in "$T/key" -pubout -outform DER | head -c 20 >"$T/no-key"
cannot() { # WORDS OPTION...
	words=$1
	shift
	rm "$T/later"
	IMAGE_UPDATE_FOLLOWS=1 update "$@" "$T/two" 2>"$T/err" && fail "$words"
	has "$words" "$T/err"
	state_is FAILED
	has "refresh-config" "$T/later"
	update follow >"$T/out" 2>&1 && fail "not told: $words"
	has "the update to two failed: " "$T/out"
	has "$words" "$T/out"
	quiet follow
}
cannot "image two: it has version 2, not 9 as asked for" apply --image-version 9
cannot "no-key" apply --key "$T/no-key"
describe two 0
cannot "version 0 is older than the current 1" apply
describe two 2
grep on-active "$T/later" && fail "what is refused is to be tried again"

# ---- a server that is away may come back
rm "$T/later"
IMAGE_UPDATE_FOLLOWS=1 update apply http://127.0.0.1:9/two.contents \
	2>"$T/err" && fail "nobody serves it"
state_is FAILED
has "image-update-report" "$T/later"
has "image-update-retry --on-active=600 refresh-config" "$T/later"
update follow >"$T/out" 2>&1 && fail "not told: the server is away"
has "the update to two.contents failed: http://127.0.0.1:9/two.contents: Failed" "$T/out"
quiet follow
has "update to image version 9 begins" "$T/out"
rm "$T/later"
( # what cannot be noted is not reported: the report would begin it anew
	ulimit -f 0
	trap '' XFSZ
	! IMAGE_UPDATE_FOLLOWS=1 update apply --image-version 9 "$T/two" 2>&1
) | cat >"$T/out"
has "not 9 as asked for" "$T/out"
[ ! -e "$T/later" ] || fail "reported: $(cat "$T/later")"

# ---- and so is what is asked for in a way that nobody can follow
wrong() { # WORDS IMAGE
	echo "{\"image\": $2}" >"$M/var/lib/os-collect-config/x.json"
	update follow >"$T/out" 2>&1 && fail "followed: $2"
	has "metadata: image$1" "$T/out"
}
wrong " has no version" '{"url": "x"}'
wrong " has no url" '{"version": 9, "url": ""}'
wrong ".url is no text" '{"version": 9, "url": ["x"]}'
wrong ".version: 9x is no number" '{"version": "9x", "url": "x"}'
wrong ".version: 9.5 is no number" '{"version": 9.5, "url": "x"}'
wrong ".version: 99999999999999999999 is no number" \
	'{"version": "99999999999999999999", "url": "x"}'
wrong ".version is no number" '{"version": true, "url": "x"}'
wrong ".limit: -1 is no number" '{"version": 9, "url": "x", "limit": -1}'
wrong ".hold is no number" '{"version": 9, "url": "x", "hold": []}'
wrong ".kexec is neither" '{"version": 9, "url": "x", "kexec": "yes"}'
wrong ".manifest-key is no text" '{"version": 9, "url": "x", "manifest-key": 1}'
[ ! -e "$T/later" ] || fail "an update that nobody asked for was begun"
asks '"9"'
quiet follow
has "update to image version 9 begins" "$T/out"
# What others call an image is not for it: no update, no error.
for image in null '"ocid1.image.oc1"' '{"name": "debian"}'; do
	rm -f "$T/later"
	echo "{\"image\": $image}" >"$M/var/lib/os-collect-config/x.json"
	quiet follow
	has "image version 1 runs" "$T/out"
	[ ! -e "$T/later" ] || fail "an update was begun: $image"
done
asks 9

# ---- on trial: checks that fail, and the time is over
checks=$M/usr/lib/ingot/health.d
mkdir -p "$checks"
page_fails() {
	printf '#!/bin/sh\necho the page is not there\nexit 1\n' >"$checks/10-web"
	chmod +x "$checks/10-web"
}
begin_trial() { # as $pid; a check has failed by now
	image-update --root "$M" boot >"$T/out" 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		grep -q "not yet" "$T/out" && break
		sleep 0.1
	done
}
page_fails
quiet apply --limit 1 "$T/two"
running b
quiet boot
has "going back to the old image" "$T/out"
entries_are "ingot-a-1.conf "
[ "$(grubenv)" = "slot=a " ] || fail "grubenv: $(grubenv)"
running a
quiet boot
state_is ROLLEDBACK
update history >"$T/out"
has "was not up within" "$T/out"

# ---- on trial: rebooted in order, that gives the try back; then it holds
quiet apply --limit 4000000000 --hold 1 "$T/two"
running b
count() { mv "$T/mnt/loader/entries/ingot-b-2+3.conf" "$T/mnt/loader/entries/ingot-b-2+2-1.conf"; }
on esp count
begin_trial
has "not yet: 10-web: the page is not there" "$T/out"
update apply "$T/one" >"$T/out2" 2>&1 && fail "the slot to go back to was filled"
update apply --older --plan "$T/one" >"$T/out2" 2>&1 && fail "a plan while one is on trial"
has "image two is on trial" "$T/out2"
kill "$pid"
wait "$pid" || fail "a reboot in order: $(cat "$T/out")"
entries_are "ingot-a-1.conf ingot-b-2+3.conf "
update apply --older "$T/one" >"$T/out" 2>&1 && fail "the slot to go back to was filled"
has "image two is on trial" "$T/out"
printf '#!/bin/sh\n' >"$checks/10-web"
quiet boot
has "two is committed" "$T/out"
state_is COMMITTED
entries_are "ingot-a-1.conf ingot-b-2.conf "
[ "$(grubenv)" = "slot=b " ] || fail "grubenv: $(grubenv)"

# ---- and back by hand, and the way again into the other slot
quiet rollback
entries_are "ingot-a-3.conf ingot-b-2.conf "
running a
quiet boot
quiet status
has "current" "$T/out"
has "previous" "$T/out"
running b
image three 3
quiet apply --hold 1 --limit 4000000000 "$T/three"
entries_are "ingot-a-3+3.conf ingot-b-2.conf "
running a
quiet boot
state_is COMMITTED
[ ! -e "$T/restarts" ] || fail "a reboot restarts nothing"

# ---- what needs no reboot: mounted from the new slot, its unit restarted
cp -a "$T/three" "$T/four"
echo "page of four" >"$T/four/usr/share/web/page"
describe four 4
mkdir -p "$M/usr/share/web"
echo "page of three" >"$M/usr/share/web/page"
update apply --plan "$T/four" >"$T/out"
has "activation: restart of page.service web.service (all that changed belongs to these units)" "$T/out"
update apply --plan "$T/two" --older >"$T/out"
has "activation: reboot (another kernel)" "$T/out"
update apply --kexec --plan "$T/two" --older >"$T/out"
has "activation: reboot (another kernel; no kexec: this kernel cannot" "$T/out"
mkdir -p "$M/proc/sys/kernel"
echo 1 >"$M/proc/sys/kernel/kexec_load_disabled"
update apply --kexec --plan "$T/two" --older >"$T/out"
has "no kexec: kernel.kexec_load_disabled is set" "$T/out"
echo 0 >"$M/proc/sys/kernel/kexec_load_disabled"
update apply --kexec --plan "$T/two" --older >"$T/out"
has "activation: kexec (another kernel)" "$T/out"
rm "$T/phases"
quiet apply --hold 1 --limit 100 "$T/four"
[ "$(cat "$T/restarts")" = "page.service web.service page of four" ] ||
	fail "restarts: $(cat "$T/restarts")"
[ "$(cat "$T/phases")" = "--phase pre-configure
--phase configure
--phase post-configure
--phase migration" ] || fail "phases: $(cat "$T/phases")"
state_is COMMITTED
entries_are "ingot-a-3.conf ingot-b-5.conf "
update apply "$T/one" --older >"$T/out" 2>&1 && fail "the slot in use was filled"
has "reboot first" "$T/out"
update apply --plan "$T/one" --older >"$T/out" 2>&1 && fail "a plan for the slot in use"
has "reboot first" "$T/out"
echo "since then" >"$M/state/etc-a/upper/later"
running b
quiet boot
if [ ! -d "$M/state/etc-b/upper" ] || [ -L "$M/state/etc-b" ] ||
	[ -e "$M/state/etc-a" ]; then
	fail "the changes of /etc are not the new slot's"
fi
[ "$(cat "$M/state/etc-b/upper/later")" = "since then" ] ||
	fail "a change of /etc is lost"

# ---- and one that is not good
cp -a "$T/four" "$T/five"
echo "page of five" >"$T/five/usr/share/web/page"
describe five 5
rm "$T/restarts"
# That the second look takes too long is not why it goes.
cat >"$checks/10-web" <<END
#!/bin/sh
[ ! -e "$T/looked" ] || exec sleep 60
touch "$T/looked"
echo the page is not there
exit 1
END
update apply --limit 5 "$T/five" >"$T/out" 2>&1 && fail "a bad image was kept"
has "back to the old image: 10-web: the page is not there" "$T/out"
[ "$(cat "$T/restarts")" = "page.service web.service page of five
page.service web.service page of three" ] || fail "restarts: $(cat "$T/restarts")"
state_is ROLLEDBACK
entries_are "ingot-b-5.conf "

# ---- a soft reboot: the kernel stays, both images know how
rm "$checks/10-web"
later() { # NAME VERSION FROM: an image that differs in what no unit covers
	rm -rf "${T:?}/$1"
	cp -a "$T/$3" "$T/$1"
	echo "$1" >"$T/$1/usr/bin/program"
	describe "$1" "$2"
}
later six 6 four
update apply --plan "$T/six" >"$T/out"
has "activation: reboot (1 paths changed for which no restart is enough" "$T/out"
mkdir -p "$T/six/usr/lib/systemd/system"
touch "$T/six/usr/lib/systemd/system/soft-reboot.target" \
	"$T/six/usr/lib/systemd/system/next-root.service"
describe six 6
update apply --plan "$T/six" >"$T/out"
has "activation: reboot (" "$T/out"
quiet apply --hold 1 --limit 4000000000 "$T/six"
[ ! -e "$M/run/image-update/next" ] || fail "the image that runs knows no soft reboot"
running a
quiet boot
state_is COMMITTED
later seven 7 six
rm "$T/seven/usr/lib/systemd/system/next-root.service"
describe seven 7
update apply --plan "$T/seven" >"$T/out"
has "activation: reboot (" "$T/out"
later seven 7 six
update apply --plan --kexec "$T/seven" >"$T/out"
has "activation: soft-reboot (1 paths changed for which no restart is enough, the first usr/bin/program)" "$T/out"
update apply --plan --json "$T/seven" >"$T/out"
jq -e '.activation.kind == "soft-reboot"' "$T/out" >/dev/null || fail "as JSON"
quiet apply --hold 1 --limit 2 "$T/seven"
has "soft reboot: 1 paths changed" "$T/out"
[ "$(cat "$M/run/image-update/next")" = "ingot.slot=b" ] || fail "what is next"
# No loader counts that start.
entries_are "ingot-a-6.conf ingot-b-7+2.conf "

# The command line is the old one's; what made the root has said what it is.
# The trial's time begins there.
soft() { # SLOT SECONDS
	rm -f "$M/run/image-update/next"
	printf '%s\n' "1:1 1 ingot.slot=x" \
		"$(stat -c %d:%i "$M") 1 ingot.slot=x" \
		"$(stat -c %d:%i "$M") $2 ingot.slot=$1" >"$M/run/image-update/soft-reboots"
}
page_fails
soft b 4000000000
update status --json >"$T/out"
jq -e '.current.version == 7' "$T/out" >/dev/null || fail "$(cat "$T/out")"
begin_trial
sleep 3
kill -0 $pid || fail "the trial did not begin anew: $(cat "$T/out")"
rm "$checks/10-web"
wait $pid || fail "$(cat "$T/out")"
has "seven is committed" "$T/out"
entries_are "ingot-a-6.conf ingot-b-7.conf "

# A soft reboot back, which was not good.
later eight 8 seven
quiet apply --hold 1 --limit 1 "$T/eight"
[ "$(cat "$M/run/image-update/next")" = "ingot.slot=a" ] || fail "what is next"
page_fails
soft a 1
quiet boot
has "going back to the old image: it was not up within 1 s" "$T/out"
entries_are "ingot-b-7.conf "
rm "$M/run/image-update/soft-reboots"
running b
quiet boot
state_is ROLLEDBACK

# What is chosen for a reboot is not what a soft one would start.
rm "$checks/10-web"
quiet apply --hold 1 --limit 4000000000 "$T/eight"
[ -e "$M/run/image-update/next" ] || fail "no soft reboot"
running a
quiet boot
[ -e "$M/run/image-update/next" ] || fail "in the test /run stays"
quiet rollback
[ ! -e "$M/run/image-update/next" ] || fail "a soft reboot would not go back"
