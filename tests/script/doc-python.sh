#!/bin/sh
# lib/doc accepts what Python's json module accepts and prints what it prints:
# many random numbers and documents, whole and damaged, through both.
set -u
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
PYTHONIOENCODING=utf-8 exec python3 - "$BUILD/unit/lib/doc" <<'EOF'
import json, random, struct, subprocess, sys

filter_program = sys.argv[1]
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
r = random.Random(20250101)
bad = 0

def ours(lines, style):
    out = subprocess.run([filter_program, style], input=b"\n".join(lines) + b"\n",
                         stdout=subprocess.PIPE, check=True).stdout
    return out.split(b"\0")[:-1]

def theirs(line, style):
    try:
        v = json.loads(line.decode("utf-8"))
    except (ValueError, UnicodeDecodeError):
        return None
    text = json.dumps(v, ensure_ascii=style != "utf8",
                      indent=1 if style == "indent" else None)
    if style == "utf8":  # lone surrogates have no UTF-8: ours escapes them
        text = "".join("\\u%04x" % ord(c) if 0xd800 <= ord(c) < 0xe000 else c
                       for c in text)
    return text.encode("utf-8")

def compare(what, lines, style):
    global bad
    answers = ours(lines, style)
    if len(answers) != len(lines):
        print(f"{what}: {len(answers)} answers to {len(lines)} lines")
        bad += 1
        return
    for line, answer in zip(lines, answers):
        want = theirs(line, style)
        if (answer != want) if want is not None else not answer.startswith(b"error: "):
            bad += 1
            if bad < 20:
                print(f"{what}, {style}: {line[:200]!r}: {answer[:200]!r}, Python {want!r:.200}")

def any_float():
    k = r.randrange(6)
    if k == 0:
        return struct.unpack("<d", r.randbytes(8))[0]
    if k == 1:
        return 2.0 ** r.randrange(-1074, 1024) * r.choice((1, -1))
    if k == 2:
        return r.randrange(10 ** r.randrange(1, 19)) / 10.0 ** r.randrange(0, 19)
    if k == 3:
        return float(r.randrange(2 ** 64))
    if k == 4:
        return struct.unpack("<d", struct.pack("<Q", r.randrange(2 ** 20)))[0]
    return r.choice((0.0, -0.0, 1e16, 1e15, 9999999999999998.0, 1e-4, 1e-5, 1e22, 1e23,
                     5e-324, 2.2250738585072014e-308, 1.7976931348623157e308))

def any_text():
    pool = "ab \"\\/\b\f\n\r\t\0\x1f\x7f\x80é€\u2028😀\ud800\udc00\uffff"
    return "".join(r.choice(pool) for _ in range(r.randrange(12)))

def any_value(depth):
    k = r.randrange(9 if depth > 0 else 6)
    if k == 0: return None
    if k == 1: return r.random() < 0.5
    if k == 2: return r.randrange(-10 ** r.randrange(1, 40), 10 ** r.randrange(1, 40))
    if k == 3: return any_float()
    if k < 6: return any_text()
    n = r.randrange(6)
    if k == 6: return [any_value(depth - 1) for _ in range(n)]
    return {any_text(): any_value(depth - 1) for _ in range(n)}

def damaged(line):
    b = bytearray(line)
    for _ in range(r.randrange(1, 3)):
        at = r.randrange(len(b) + 1)
        k = r.randrange(4)
        if k == 0 and at < len(b): del b[at]
        elif k == 1 and at < len(b): b[at] = r.choice(b'"\\{}[],:0123456789+-.eEuntfI \x00\x1f\x80\xff')
        elif k == 2: b[at:at] = r.choice((b"0", b"-", b".", b"e", b"\\u", b"\\ud800", b",", b'"', b"NaN", b"\xc3", b" "))
        elif at < len(b): b[at:at] = b[at:at + r.randrange(8)]
    return bytes(b).replace(b"\n", b" ")

def finite_or_not(x):
    return json.dumps(x).encode()

numbers = [finite_or_not(any_float()) for _ in range(60000)]
numbers += [("%.*e" % (r.randrange(25), any_float())).encode() for _ in range(30000)]
numbers += [finite_or_not(2.0 ** k) for k in range(-1074, 1024)]
numbers = [n for n in numbers if b"n" not in n or n in (b"NaN",)]
compare("number", numbers, "python")
documents = []
for _ in range(15000):
    v = any_value(4)
    documents.append(json.dumps(v, ensure_ascii=True).encode("utf-8"))
for _ in range(5000):
    v = any_value(4)
    text = json.dumps(v, ensure_ascii=False)
    documents.append(text.encode("utf-8", "replace").replace(b"\n", b" "))
for style in ("python", "utf8", "indent"):
    compare("document", documents, style)
compare("damaged", [damaged(d) for d in documents for _ in range(3)], "python")
print(f"{len(numbers)} numbers, {len(documents)} documents, {bad} differences")
sys.exit(bad != 0)
EOF
