#!/bin/sh
# CloudFormation from a recorded answer: each request is signed rightly, in
# both versions; the URL may come from Heat's hint.
set -u
. tests/helper/collect.sh

a=$PWD/tests/answers
routes <<R
[{"path": "/v1/*", "file": "$a/cfn.xml"}]
R
serve
settings() { # url [more lines]
	{
		printf '[DEFAULT]\ncollectors = cfn\n[cfn]\n'
		[ -n "$1" ] && printf 'metadata_url = %s\n' "$1"
		printf 'access_key_id = AK/ID\nsecret_access_key = s3cr3t+\n'
		printf 'stack_name = demo cfn\npath = server.Metadata\n'
		printf %b "${2-}"
	} >"$ROOT/etc/os-collect-config.conf"
}
# Sign anew what the log has, with Python's own HMAC; print what differs.
cat >"$tmp/check" <<'P'
import base64, hashlib, hmac, json, sys
from urllib.parse import parse_qsl, quote, urlsplit
for line in open(sys.argv[1]):
    r = json.loads(line)
    u = urlsplit(r['path'])
    q = sorted(parse_qsl(u.query, keep_blank_values=True))
    text = lambda q: '&'.join(quote(k, safe='-_.~') + '=' + quote(v, safe='-_.~') for k, v in q)
    h = {k.lower(): v for k, v in r['headers'].items()}
    if 'authorization' in h:
        m = lambda k, s: hmac.new(k, s.encode(), hashlib.sha256)
        stamp, auth = h['x-amz-date'], h['authorization']
        scope = auth.split('Credential=AK/ID/')[1].split(',')[0]
        req = '\n'.join(['GET', u.path, text(q), 'host:' + h['host'], 'x-amz-date:' + stamp, '', 'host;x-amz-date', hashlib.sha256(b'').hexdigest()])
        k = b'AWS4s3cr3t+'
        for part in scope.split('/'):
            k = m(k, part).digest()
        want = m(k, '\n'.join(['AWS4-HMAC-SHA256', stamp, scope, hashlib.sha256(req.encode()).hexdigest()])).hexdigest()
        got = auth.split('Signature=')[1]
    else:
        got = dict(q)['Signature']
        q = [x for x in q if x[0] != 'Signature']
        want = base64.b64encode(hmac.new(b's3cr3t+', '\n'.join(['GET', h['host'], u.path, text(q)]).encode(), hashlib.sha256).digest()).decode()
    print(dict(q)['LogicalResourceId'], dict(q)['StackName'], 'good' if got == want else 'BAD')
P
signed() { python3 "$tmp/check" "$tmp/log" | tr '\n' ' '; }

settings "$URL/v1/"
collect --one-time -c true || fail "once"
same "version 2" "$(signed)" "server demo cfn good "
same "deployment" "$(document 10-settings | jq -r .service.greeting)" hello
same "unicode" "$(document 10-settings | jq -r .service.limits.unicode)" 'grüße ✓'

# Several paths: each is signed for itself; members of a document.
: >"$tmp/log"
settings "$URL/v1/" 'path = other.Metadata.deployments\npath=third.Metadata\n'
collect --one-time -c true
same "no map" "$(signed)" "server demo cfn good other demo cfn good "
grep -q 'other.Metadata.deployments is a list, not a map' "$tmp/err" ||
    fail "no word of the list"
: >"$tmp/log"
settings "$URL/v1/" 'path = other.Metadata.os-collect-config\n'
collect --one-time -c true || fail "two paths"
same "two paths" "$(signed)" "server demo cfn good other demo cfn good "
same "joined" "$(document cfn | jq -c 'keys')" \
    '["cfn","collectors","deployments","os-collect-config"]'

: >"$tmp/log"
settings "$URL/v1/" 'signature_version = 4\nregion_name = R1\n'
collect --one-time -c true || fail "version 4"
same "version 4" "$(signed)" "server demo cfn good "
same "scope" "$(grep -c '/R1/cloudformation/aws4_request' "$tmp/log")" 1

# Heat's hint, of old and of today.
mkdir -p "$ROOT/var/lib/heat-cfntools"
for hint in "$URL" "$URL/" "$URL/v1" "$URL/v1/"; do
	: >"$tmp/log"
	echo "$hint" >"$ROOT/var/lib/heat-cfntools/cfn-metadata-server"
	settings ""
	collect --one-time -c true || fail "hint $hint"
	same "hint $hint" "$(jq -r '.path | split("?")[0]' "$tmp/log")" /v1/
done

# Errors name the place, and neither key nor signature.
for bad in '{"status": 403, "body": "<ErrorResponse/>"}' \
    '{"body": "<DescribeStackResourceResponse/>"}' '{"body": "<a"}' \
    '{"body": "{}"}'; do
	routes <<R
[$(echo "$bad" | jq -c '. + {path: "/v1/*"}')]
R
	: >"$tmp/err"
	collect --one-time -c 'echo ran' || fail "status"
	same "one line" "$(wc -l <"$tmp/err")" 1
	grep -q 'Source \[cfn\] Unavailable' "$tmp/err" || fail "no word"
	grep -Ei 'AK.ID|s3cr3t|signature=' "$tmp/err" && fail "a secret in the log"
done
settings "$URL/v1/" 'path = nodot\n'
same "not configured" "$(collect --print)" '{}'
