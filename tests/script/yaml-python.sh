#!/bin/sh
# lib/yaml reads what PyYAML's safe loader reads: random scalars and random
# documents, whole and damaged, through both. The differences that are meant
# (dates and a lone << stay text, keys become text) are made in PyYAML's loader here.
set -u
python3 -c 'import yaml; yaml.CSafeLoader' 2>/dev/null ||
    { echo "no python3 with PyYAML"; exit 77; }
exec python3 - "$BUILD/unit/lib/yaml" <<'EOF'
import json, random, subprocess, sys, yaml

filter_program = sys.argv[1]
r = random.Random(20250101)

class Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs
                if not tag.endswith((":timestamp", ":value"))]
        for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()}

def key_text(key):
    if isinstance(key, str): return key
    if isinstance(key, (list, dict)): raise yaml.YAMLError("key")
    return json.dumps(key)

def construct_map(loader, node):
    loader.flatten_mapping(node)
    return {key_text(loader.construct_object(k, deep=True)):
            loader.construct_object(v, deep=True) for k, v in node.value}

def construct_list(loader, node):
    return [loader.construct_object(v, deep=True) for v in node.value]

def plain_text(loader, node):
    return loader.construct_scalar(node)

Loader.add_constructor("tag:yaml.org,2002:map", construct_map)
Loader.add_constructor("tag:yaml.org,2002:seq", construct_list)
Loader.add_constructor("tag:yaml.org,2002:timestamp", plain_text)
Loader.add_constructor("tag:yaml.org,2002:merge", plain_text)

SKIP = object()

def theirs(text):
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as e:
        return SKIP if "duplicate anchor" in str(e) else None, e
    except (ValueError, KeyError, IndexError):
        return SKIP  # a pattern matched, the number did not
    except RecursionError:
        return SKIP

def ours(texts):
    data = b"".join(t + b"\0" for t in texts)
    out = subprocess.run([filter_program, "filter"], input=data,
                         stdout=subprocess.PIPE, check=True).stdout
    return out.split(b"\0")[:-1]

bad = compared = refused = 0

def compare(what, texts):
    global bad, compared, refused
    answers = ours(texts)
    assert len(answers) == len(texts)
    for text, answer in zip(texts, answers):
        want = theirs(text)
        if want is SKIP:
            continue
        compared += 1
        if isinstance(want, tuple):
            refused += 1
            same = want[0] is SKIP or answer.startswith(b"error: ")
        else:
            same = not answer.startswith(b"error: ") and \
                json.dumps(json.loads(answer), sort_keys=True) == json.dumps(want, sort_keys=True)
        if not same:
            bad += 1
            if bad < 20:
                print(f"{what}: {text!r}: {answer!r:.200}, PyYAML {want!r:.200}")

def any_scalar():
    pool = "0001123456789.._-+:exbaf" if r.random() < 0.8 else "0.yYeEsSnNoOtTrRuUfFaAlLiI~<= "
    return "".join(r.choice(pool) for _ in range(r.randrange(1, 9)))

def any_value(depth):
    k = r.randrange(9 if depth > 0 else 6)
    if k == 0: return None
    if k == 1: return r.random() < 0.5
    if k == 2: return r.randrange(-10 ** 25, 10 ** 25)
    if k == 3: return r.choice((0.1, -2.5e-10, 1e300, float("inf"), 3.0, r.random()))
    if k < 6: return any_scalar() if r.random() < 0.5 else r.choice(("", "a\nb", " x", "é€😀", "no", "1:30", "'\"", "- a", "#"))
    if k == 6: return [any_value(depth - 1) for _ in range(r.randrange(5))]
    return {any_scalar(): any_value(depth - 1) for _ in range(r.randrange(5))}

def dumped():
    v = any_value(4)
    if r.random() < 0.3 and isinstance(v, list):
        v = v + v  # aliases
    return yaml.dump(v, default_flow_style=r.choice((True, False, None)), allow_unicode=r.random() < 0.5,
                     width=r.choice((10, 80))).encode("utf-8")

def damaged(text):
    b = bytearray(text)
    for _ in range(r.randrange(1, 4)):
        at = r.randrange(len(b) + 1)
        k = r.randrange(3)
        if k == 0 and at < len(b): del b[at]
        elif k == 1 and at < len(b): b[at] = r.choice(b"{}[],:&*!|>'\"%@#-?<~ \n\t0aexy\x80")
        else: b[at:at] = r.choice((b"&a ", b"*a", b"!!str ", b"! ", b"<<: ", b"\n", b": ", b"- ", b"'", b'"', b"? "))
    return bytes(b).replace(b"\0", b"")

documents = [dumped() for _ in range(4000)]
compare("scalar", [any_scalar().encode() for _ in range(30000)])
compare("list", [("[" + ", ".join(any_scalar() for _ in range(5)) + "]").encode() for _ in range(4000)])
compare("document", documents)
compare("damaged", [damaged(d) for d in documents for _ in range(2)])
print(f"{compared} compared, {refused} refused by both, {bad} differences")
sys.exit(bad != 0)
EOF
