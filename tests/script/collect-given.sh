#!/bin/sh
# What a machine is given without a cloud: NoCloud's folder, disc and URL,
# VMware's variables, QEMU's firmware, systemd's credentials.
set -u
. tests/helper/collect.sh
mkdir -p "$ROOT/sys/firmware/dmi/tables" "$ROOT/dev" "$ROOT/sys/class/block/sr0"
dmi() { tests/helper/dmi "$ROOT/sys/firmware/dmi/tables/DMI" "$@"; }
get() { jq -r "$2" "$cache/$1.json"; }
again() { rm -rf "$ROOT/var/lib/os-collect-config"; collect --one-time -c true || fail "$*"; }
routes <<'R'
[{"path": "/seed/meta-data", "body": "instance-id: by-url\n"},
 {"path": "/oem", "body": {"from": "oem"}}]
R
serve

# ---- NoCloud ----------------------------------------------------------------
seed=$ROOT/var/lib/cloud/seed/nocloud
mkdir -p "$seed"
printf 'instance-id: i-1\nlocal-hostname: box\n' >"$seed/meta-data"
printf '#cloud-config\nx: y\n' >"$seed/user-data"
printf 'version: 2\n' >"$seed/network-config"
again "folder"
same "folder" "$(get nocloud '[."instance-id", ."network-config".version] | join(" ")')" "i-1 2"
same "user data" "$(tail -n 1 "$cache/nocloud.user-data")" "x: y"
: >"$seed/user-data"
rm "$seed/network-config"
echo '{"instance-id": "in JSON"}' >"$seed/meta-data"
again "JSON"
same "JSON" "$(get nocloud '."instance-id"')" "in JSON"
if command -v genisoimage >/dev/null; then
	genisoimage -quiet -J -r -V CIDATA -o "$ROOT/dev/sr0" "$seed"
	rm -r "$seed"
	again "disc"
	same "disc" "$(get nocloud '."instance-id"')" "in JSON"
	# The disc is taken out: what it had stays.
	rm "$ROOT/dev/sr0"
	same "gone" "$(collect --one-time -c 'echo ran')" ""
	same "still known" "$(collect --detect | grep -c 'nocloud.*in the cache')" 1
fi
rm -rf "$seed"
echo "quiet ds=nocloud;s=$URL/seed/;h=by-line x" >"$ROOT/proc/cmdline"
again "command line"
same "command line" "$(get nocloud '[."instance-id", ."local-hostname"] | join(" ")')" "by-url by-line"
: >"$ROOT/proc/cmdline"
dmi serial="ds=nocloud-net;s=$URL/seed;i=by-serial"
again "serial"
same "serial" "$(get nocloud '."instance-id"')" by-serial

# ---- VMware -----------------------------------------------------------------
cat >"$tmp/vmtoolsd" <<'T'
#!/bin/sh
[ "$1" = --cmd ] || exit 2
case $2 in
"info-get guestinfo.metadata") cat "$0.metadata" ;;
"info-get guestinfo.metadata.encoding") cat "$0.encoding" ;;
"info-get guestinfo.userdata") echo plain ;;
*) echo "No value found" >&2; exit 1 ;;
esac
T
chmod +x "$tmp/vmtoolsd"
dmi product="VMware Virtual Platform" vendor="VMware, Inc."
printf '[vmware]\ncommand = %s\n' "$tmp/vmtoolsd" >"$ROOT/etc/os-collect-config.conf"
text='instance-id: vm-1'
for encoding in "" base64 gzip+base64 gz+b64; do
	case $encoding in
	"") echo "$text" >"$tmp/vmtoolsd.metadata" ;;
	base64) echo "$text" | base64 >"$tmp/vmtoolsd.metadata" ;;
	g*) echo "$text" | gzip | base64 >"$tmp/vmtoolsd.metadata" ;;
	esac
	echo "$encoding" >"$tmp/vmtoolsd.encoding"
	again "vmware"
	same "vmware $encoding" "$(get vmware '."instance-id"')" vm-1
	same "vmware user data" "$(cat "$cache/vmware.user-data")" plain
done
echo "!!" >"$tmp/vmtoolsd.metadata"
collect --one-time -c true
grep -q 'guestinfo: not base64' "$tmp/err" || fail "vmware: no word"
# One that hangs goes with the agent.
printf '#!/bin/sh\necho $$ >>%s/hanging\nexec sleep 300\n' "$tmp" >"$tmp/vmtoolsd"
agent vmware -c true
within 30 test -s "$tmp/hanging" || fail "vmware: not asked"
unagent
kill -0 "$(head -n 1 "$tmp/hanging")" 2>/dev/null && fail "vmware: a program is left behind"
rm "$tmp/vmtoolsd"
collect --one-time -c true
grep -q 'vmtoolsd: exit status 127' "$tmp/err" || fail "vmware: no word of the program"
same "vmware kept" "$(get vmware '."instance-id"')" vm-1
rm "$ROOT/etc/os-collect-config.conf"

# ---- QEMU -------------------------------------------------------------------
dmi oem=other oem="ingot.metadata={\"from\": \"json\"}"
again "an OEM string"
same "an OEM string" "$(get qemu .from)" json
dmi oem="ingot.metadata=$URL/oem"
again "a URL in an OEM string"
same "a URL in an OEM string" "$(get request .from)" oem
fw=$ROOT/sys/firmware/qemu_fw_cfg/by_name/opt/ingot
mkdir -p "$fw/metadata" "$fw/user-data"
echo 'from: fw_cfg' >"$fw/metadata/raw"
echo data >"$fw/user-data/raw"
again "fw_cfg"
same "fw_cfg" "$(get qemu .from) $(cat "$cache/qemu.user-data")" "fw_cfg data"
rm -r "$fw"

# ---- systemd ----------------------------------------------------------------
mkdir -p "$ROOT/run/credentials/@system" "$ROOT/cred"
echo '{"from": "system"}' >"$ROOT/run/credentials/@system/ingot.metadata"
again "system credential"
same "system credential" "$(get credentials .from)" system
echo '{"from": "service"}' >"$ROOT/cred/ingot.metadata"
CREDENTIALS_DIRECTORY=/cred
export CREDENTIALS_DIRECTORY
again "service credential"
same "service credential" "$(get credentials .from)" service
