#!/bin/sh
# Each cloud is recognised by what the firmware says, asked as it wants to be
# asked, and its answer becomes a document; user data becomes a file.
set -u
. tests/helper/collect.sh

play() { # name dmi-words...: the machine is this one
	(cd "$ROOT" && rm -rf sys var etc run)
	mkdir -p "$ROOT/sys/firmware/dmi/tables" "$ROOT/var/lib" "$ROOT/etc" \
	    "$ROOT/run"
	kind=$1
	shift
	tests/helper/dmi "$ROOT/sys/firmware/dmi/tables/DMI" "$@"
	printf '[%s]\nmetadata_url = %s\n' "$kind" "$URL$base" \
	    >"$ROOT/etc/os-collect-config.conf"
	: >"$tmp/log"
	: >"$tmp/err"
	collect --one-time -c true || fail "$kind: status"
	[ -e "$cache/$kind.json" ] || fail "$kind: no document"
}
get() { jq -r "$1" "$cache/$kind.json"; }
user_data() { cat "$ROOT$(get '."user-data".file')"; }

# ---- EC2: a tree of texts, with a token, or without one --------------------
routes <<'R'
[{"method": "PUT", "path": "/latest/api/token", "body": "tok=en",
  "need": {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}},
 {"path": "/latest/meta-data/", "need": {"X-aws-ec2-metadata-token": "tok=en"},
  "body": "ami-id\npublic-keys/\ntags/\nplacement/"},
 {"path": "/latest/meta-data/ami-id", "body": "ami-1"},
 {"path": "/latest/meta-data/public-keys/", "body": "0=my-key"},
 {"path": "/latest/meta-data/public-keys/0/", "body": "openssh-key"},
 {"path": "/latest/meta-data/public-keys/0/openssh-key", "body": "ssh-ed25519 AAAA\n"},
 {"path": "/latest/meta-data/tags/", "body": "instance/"},
 {"path": "/latest/meta-data/tags/instance/", "body": "Name\nRole"},
 {"path": "/latest/meta-data/tags/instance/Name", "body": "box"},
 {"path": "/latest/meta-data/tags/instance/Role", "body": "web\nserver"},
 {"path": "/latest/meta-data/placement/", "body": "region\n"},
 {"path": "/latest/meta-data/placement/region", "body": "eu-1"},
 {"path": "/latest/dynamic/instance-identity/document", "body": {"accountId": "42"}},
 {"path": "/latest/user-data", "body": "#cloud-config\n{}\n"}]
R
serve
base=/latest/meta-data
play ec2 vendor="Amazon EC2" bios="Amazon EC2" uuid=ec2e1916-9099-7caf-fd21-012345abcdef
same "ec2" "$(get 'del(."user-data") | tojson')" \
    '{"ami-id":"ami-1","public-keys":{"0":{"openssh-key":"ssh-ed25519 AAAA\n"}},"tags":{"instance":{"Name":"box","Role":"web\nserver"}},"placement":{"region":"eu-1"},"instance-identity":{"accountId":"42"}}'
same "ec2 user data" "$(user_data)" "#cloud-config
{}"
same "ec2 sum" "$(get '."user-data".sha256')" \
    "$(sha256sum <"$cache/ec2.user-data" | cut -d' ' -f1)"
same "ec2 mode" "$(stat -c %a "$cache/ec2.user-data")" 600
same "ec2 token" "$(jq -r 'select(.method == "GET") | .headers["X-aws-ec2-metadata-token"]' "$tmp/log" | sort -u)" tok=en

sed -i 's/"method": "PUT", //; s/"need": {"X-aws-ec2-metadata-token": "tok=en"}, *//' "$tmp/routes"
play ec2 vendor="Amazon EC2"
same "version 1" "$(get '."ami-id"')" ami-1
same "no token" "$(grep -c '"X-aws-ec2-metadata-token":' "$tmp/log")" 0

# Under the other name the cache is enough, as it is for that program.
: >"$tmp/log"
os-collect-config --root "$ROOT" ec2 --one-time -c true 2>>"$tmp/err"
same "cached" "$(wc -l <"$tmp/log")" 0

# A folder that lists what is no name, or one leaf that is not there.
for bad in '{"path": "/latest/meta-data/", "body": "../../x/"}' \
    '{"path": "/latest/meta-data/", "body": "a\nb"}'; do
	routes <<R
[$bad, {"path": "/latest/meta-data/a", "body": "1"}]
R
	: >"$tmp/err"
	collect --one-time -c true
	grep -q 'Source \[ec2\] Unavailable' "$tmp/err" || fail "ec2: no word"
	same "kept" "$(get '."ami-id"')" ami-1
done

# ---- OpenStack --------------------------------------------------------------
routes <<'R'
[{"path": "/openstack/latest/meta_data.json", "body": {"uuid": "u", "meta": {"a": "b"}}},
 {"path": "/openstack/latest/network_data.json", "body": {"links": []}},
 {"path": "/openstack/latest/vendor_data2.json", "body": {"static": {"x": 1}}},
 {"path": "/openstack/latest/user_data",
  "body": "Content-Type: multipart/mixed; boundary=\"=B=\"\n\n--=B=\nContent-Type: text/x-cfninitdata\nContent-Disposition: attachment; filename=\"cfn-init-data\"\n\n{\"os-collect-config\": {\"heat\": {\"user_id\": \"u\"}}}\n--=B=--\n"}]
R
base=
play openstack product="OpenStack Nova"
same "openstack" "$(get 'del(."user-data") | tojson')" \
    '{"uuid":"u","meta":{"a":"b"},"network_data":{"links":[]},"vendor_data2":{"static":{"x":1}}}'
same "what Heat left" "$(jq -r '."os-collect-config".heat.user_id' "$cache/cfn-init-data.json")" u
same "list" "$(jq -c 'map(split("/")[-1])' "$cache/os_config_files.json")" \
    '["openstack.json","cfn-init-data.json"]'
# With the service gone it is all still there.
routes <<'R'
[]
R
# shellcheck disable=SC2016
same "recalled" "$(collect --force -c 'echo $$OS_CONFIG_FILES' | tr : '\n' | wc -l)" 2
play_tag() {
	tests/helper/dmi "$ROOT/sys/firmware/dmi/tables/DMI" tag="$1"
	collect --detect | grep -q "openstack .*$1" || fail "openstack: $1"
}
for tag in OpenTelekomCloud HUAWEICLOUD "SAP CCloud VM"; do
	play_tag "$tag"
done

# ---- Google -----------------------------------------------------------------
routes <<'R'
[{"path": "/computeMetadata/v1/?recursive=true&alt=json", "need": {"Metadata-Flavor": "Google"},
  "headers": {"Metadata-Flavor": "Google", "ETag": "e1"},
  "body": {"instance": {"id": 9007199254740993, "attributes": {"user-data": "#!/bin/sh\n"}}}},
 {"path": "/computeMetadata/v1/*", "headers": {"Metadata-Flavor": "Google", "ETag": "e2"}, "delay": 1,
  "times": 1, "body": {"instance": {"id": 2}}},
 {"path": "/computeMetadata/v1/*", "headers": {"Metadata-Flavor": "Google", "ETag": "e2"}, "delay": 30,
  "body": {"instance": {"id": 2}}}]
R
base=/computeMetadata/v1/
play gce product="Google Compute Engine"
same "gce" "$(grep -c 9007199254740993 "$cache/gce.json")" 1
same "gce user data" "$(user_data)" "#!/bin/sh"
agent -c "echo >>$tmp/runs"
within 30 test -s "$tmp/runs" || fail "gce: the change is not seen"
same "gce changed" "$(get .instance.id)" 2
within 30 grep -q 'last_etag=e2' "$tmp/log" || fail "gce: no second wait"
same "gce waits" "$(grep -o 'last_etag=e[0-9]*' "$tmp/log" | tr '\n' ' ')" \
    "last_etag=e1 last_etag=e2 "
unagent
routes <<'R'
[{"path": "/computeMetadata/v1/*", "body": {"instance": {"id": 3}}}]
R
: >"$tmp/err"
collect --one-time -c true
grep -q "not from Google" "$tmp/err" || fail "gce: anybody may answer"
same "gce kept" "$(get .instance.id)" 2

# ---- Azure ------------------------------------------------------------------
routes <<'R'
[{"path": "/metadata/instance?api-version=2021-02-01&format=json", "need": {"Metadata": "true"},
  "body": {"compute": {"name": "vm", "userData": "aGVsbG8="}, "network": {}}}]
R
base=
play azure tag=7783-7084-3265-9085-8269-3286-77
same "azure" "$(get .compute.name)" vm
same "azure user data" "$(user_data)" hello
if command -v genisoimage >/dev/null; then
	mkdir -p "$tmp/ovf" "$ROOT/dev" "$ROOT/sys/class/block/sr0"
	cat >"$tmp/ovf/ovf-env.xml" <<'X'
<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
<wa:ProvisioningSection><wa:Version>1.0</wa:Version>
<LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">
<ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
<HostName>my-vm</HostName><UserName>me</UserName><CustomData>Y3VzdG9t</CustomData>
</LinuxProvisioningConfigurationSet></wa:ProvisioningSection></Environment>
X
	genisoimage -quiet -J -r -V rd_rdfe_stable -o "$ROOT/dev/sr0" "$tmp/ovf"
	collect --one-time -c true || fail "azure: disc"
	same "azure disc" "$(get .ovf.hostname)" my-vm
	same "azure custom data" "$(cat "$cache/azure.custom-data")" custom
	(cd "$ROOT" && rm -r dev sys/class)
fi

# ---- DigitalOcean, Hetzner, Oracle ------------------------------------------
routes <<'R'
[{"path": "/metadata/v1.json", "body": {"droplet_id": 1, "user_data": "data"}}]
R
play digitalocean vendor=DigitalOcean
same "digitalocean" "$(get .droplet_id) $(user_data)" "1 data"

routes <<'R'
[{"path": "/hetzner/v1/metadata", "body": "instance-id: 42\nhostname: box\nnetwork-config:\n  version: 1\n  config: [{type: physical}]\npublic-keys: []\n"},
 {"path": "/hetzner/v1/metadata/private-networks", "body": "- ip: 10.0.0.2\n"},
 {"path": "/hetzner/v1/userdata", "body": "data"}]
R
play hetzner vendor=Hetzner product=vServer
same "hetzner" "$(get '[."instance-id", ."network-config".config[0].type, ."private-networks"[0].ip] | join(" ")') $(user_data)" \
    "42 physical 10.0.0.2 data"

routes <<'R'
[{"path": "/opc/v2/instance/", "need": {"Authorization": "Bearer Oracle"},
  "body": {"id": "ocid1", "metadata": {"user_data": "ZGF0YQ=="}}},
 {"path": "/opc/v2/vnics/", "body": [{"vnicId": "v"}]}]
R
base=/opc/v2
play oracle tag=OracleCloud.com
same "oracle" "$(get '.id + .vnics[0].vnicId') $(user_data)" "ocid1v data"
routes <<'R'
[{"path": "/opc/v1/instance/", "body": {"id": "old"}}]
R
printf '[oracle]\nmetadata_url = %s/opc/v2\nmetadata_url = %s/opc/v1\n' "$URL" "$URL" \
    >"$ROOT/etc/os-collect-config.conf"
collect --one-time -c true || fail "oracle: version 1"
same "oracle version 1" "$(get .id)" old

# ---- over IPv6 --------------------------------------------------------------
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
	routes <<'R'
[{"path": "/metadata/v1.json", "body": {"droplet_id": 6}}]
R
	play=--ipv6
	serve
	play=
	URL="http://[::1]:$PORT"
	base=
	play digitalocean vendor=DigitalOcean
	same "IPv6" "$(get .droplet_id)" 6
fi

# A platform that is not this machine's is not asked.
tests/helper/dmi "$ROOT/sys/firmware/dmi/tables/DMI" vendor=Nobody product=Nothing
(cd "$ROOT" && rm -r var)
same "nobody" "$(collect --detect | sed -n '/sources/,$p' | grep -c 'needs no platform')" 9
same "nothing else" "$(collect --detect | sed -n '/sources/,$p' | wc -l)" 10
