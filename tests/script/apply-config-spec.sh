#!/bin/sh
# The mustache specification's own cases, each rendered from outside.
set -u
spec=../shared/data/mustache-spec
if [ ! -d "$spec" ]; then
	echo "the mustache specification's cases are not here"
	exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Lambdas are functions, which JSON cannot hold.
python3 - "$spec" "$tmp" <<'EOF'
import json, os, subprocess, sys
spec, top = sys.argv[1:]
want = {"comments": 12, "delimiters": 14, "interpolation": 42, "inverted": 22,
        "partials": 12, "sections": 34, "~dynamic-names": 21,
        "~inheritance": 27}
bad = 0
for module, count in want.items():
    tests = json.load(open(os.path.join(spec, module + ".json")))["tests"]
    passed = 0
    for i, t in enumerate(tests):
        d = os.path.join(top, module, str(i))
        os.makedirs(os.path.join(d, "p"))
        with open(os.path.join(d, "t"), "w", newline="") as f:
            f.write(t["template"])
        with open(os.path.join(d, "m"), "w") as f:
            json.dump(t["data"], f)
        for name, text in (t.get("partials") or {}).items():
            with open(os.path.join(d, "p", name + ".mustache"), "w",
                      newline="") as f:
                f.write(text)
        got = subprocess.run(
            ["apply-config", "--render", d + "/t", "-m", d + "/m",
             "--partials", d + "/p", "--escape", "html",
             "--fallback-metadata"], capture_output=True)
        if got.returncode == 0 and got.stdout == t["expected"].encode():
            passed += 1
        else:
            print("%s: %s: wanted %r, got %r %s" % (
                module, t["name"], t["expected"], got.stdout,
                got.stderr.decode()))
    print("%s: %d of %d" % (module, passed, len(tests)))
    bad |= passed != len(tests) or len(tests) < count
sys.exit(bad)
EOF
