#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same input to Debian's os-apply-config and to ours.

Exit status, standard output, and the bytes, modes and owners of the files
must be the same, but for the few documents that the older program takes by
mistake.  Messages are compared where others read them.

The older program is loaded once and forked for each run, which is what its
start would cost, unless the environment matters, at which it looks when it is
loaded.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from os_apply_config import apply_config as theirs

THEIRS = "/usr/bin/os-apply-config"
OURS = os.path.join(os.environ["BUILD"], "bin/os-apply-config")

# What a control file may say.
VALUES = """0644|'0644'|"0600"|0x1a4|420|600|0o644|0b110100100|!!int "0600"
!!str 0644|!!float 1|1.0|yes|no|null|~|[]|{}|[1]|text|-1|+420|0_644|6:40
190:20:30|1_0|0|00|''|!!int 420|!!int abc|!!bool yes|!!null 1|08|0777|01000
1e3|.5|=|!foo 1|2001-01-01|root|nobody|daemon|4294967295|0.|!!binary aGk=
99999999999999999999|*x|&a 0644|true|True|ON|off|y|n|!!str true|@x|%x|- 1
? 1|a: b|root # c|"\\x72oot"|!!set {a}|<<""".replace("\n", "|").split("|")
KEYS = ["mode", "owner", "group", "allow_empty", "bogus", "body", "1", "yes",
        "~", "'mode'", "\"owner\"", "<<", "? mode", "!!str mode", "Mode"]
DOCUMENTS = [
    "", "# c\n", "0", "false", "null", "''", "[]", "{}", "[1]", "text",
    "---\n", "---\nmode: 0600\n...\n", "---\nmode: 0600\n---\n",
    "---\nmode: 0600\n--- {}\n", "%YAML 1.1\n---\nmode: 0600\n",
    "%YAML 1.2\n---\nmode: 0600\n", "mode: 0600\nmode: 0640\n",
    "{mode: 0600, owner: 0}", "{mode: 0600,}", "mode: 0600\n\towner: 0\n",
    "mode: &x 0600\nowner: *x\n", "<<: {mode: 0600}\n",
    "<<: [{mode: 0600},{mode: 0640}]\n", "mode: 0600\n<<: {mode: 0640}\n",
    "\ufeffmode: 0600\n", "mode:0600", "? mode\n: 0600\n", "? [a]\n: 1\n",
    "!!map {mode: 0600}", "!!omap [mode: 0600]", "!x {mode: 0600}",
    "mode: 0600\r\nowner: 0\r\n", "mode: 0600\x00", "mode: \"0600",
    "allow_empty: False\nmode: 0600\n"]

# Metadata that a strict reader of JSON would refuse, or that is none.
METADATA = [
    '{"a": NaN, "b": [Infinity, -Infinity]}', '{"a": 1, "a": 2}', "",
    '{"a": "\\ud83d\\ude00", "b": ["\\ud83d\\ude00"]}',
    '{"a": 123456789012345678901234567890}', '{"a": 1E400, "b": -0, "c": 1.}',
    '{"a": 0.1e1, "b": [1e22, 1e21, 123456789.123, 5e-324]}', "[1]", "null",
    '\ufeff{"a": 1}', '{"a": 1} x', "{'a': 1}", '{"a": 01}', '{"a": +1}',
    '{"a": "\t"}', '{"": {"a": 1}}', '{"a": {"": 1}}', '{"a": "\\u0041\\/"}',
    '{"a": tru}', '{"a": [1,]}', '{"a": "\\x"}', '  {"a": 1}  \n']

TEMPLATES = [
    "{{a}}|{{b}}|{{c}}|{{.}}", "{{#a}}{{.}},{{/a}}{{^a}}none{{/a}}",
    "{{a.}}{{.a}}{{a..a}}", "{{{a}}} {{&a}} {{ a }} {{a\n}}",
    "  {{#b}}\n x\n  {{/b}}\n", "{{#b}}\r\nx\r{{/b}}\r\n",
    "{{=<% %>=}}<%a%>{{a}}", "{{! c }}\n {{!\nc\n}} \nx", "{{a}", "{ {a}}",
    "{{{a}}", "{{a }}}", "{{{{a}}}}", "{{\u00a0a\u2003}}", "{{a}}{{/a}}",
    "{{#a}}{{/b}}", "{{= x =}}", "{{>none}}", "  {{#a}}  \n{{/a}}\n",
    "{{#b}}{{#a}}{{b}}{{/a}}{{/b}}", "x\n{{^none}}\ny\n{{/none}}\nz"]

QUESTIONS = [
    ["--key", "a"], ["--key", "a", "--type", "raw"], ["--key", ""],
    ["--key", "a", "--type", "none"], ["--key", "none", "--type", "none"],
    ["--key", "none", "--key-default", "d", "--type", "none"],
    ["--key", "none", "--key-default", ""], ["--key", "b.0", "--type", "raw"],
    ["--key", "b.-1", "--type", "raw"], ["--key", "b. 1", "--type", "raw"],
    ["--key", "b.1_0"], ["--boolean-key", "a"], ["--boolean-key", "none"],
    ["--boolean-key", "a", "--key", "b", "--type", "raw"],
    ["--key", ".a", "--type", "raw"], ["--key", "a.", "--type", "raw"],
    ["--bool", "a"], ["--key-d", "x", "--key", "none"], ["--k", "a"],
    ["--none"], ["operand"], ["--key", "--type"], ["-t=t"], ["-s", "-v"], ["--print-templates"], ["-v"], ["--validate"],
    ["-s", "a"], ["--subhash", "none"], ["-s", ""], ["-s", "a.b"]]

top = tempfile.mkdtemp(prefix="debian.")
EVERY = int(sys.argv[3])  # of how many comparisons one is made
failed = done = asked = 0


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode("utf-8"))


def tree(root):
    seen = {}
    for at, _, names in os.walk(root):
        for n in names:
            path = os.path.join(at, n)
            st = os.stat(path)
            with open(path, "rb") as f:
                seen[os.path.relpath(path, root)] = (
                    oct(st.st_mode), st.st_uid, st.st_gid, f.read())
    return seen


def fork_theirs(arguments, here):
    """Exit status and standard output."""
    with open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for fd, to in ((null, 0), (out, 1), (null, 2)):
                    os.dup2(fd.fileno(), to)
                os.chdir(here)
                sys.argv = [THEIRS] + arguments
                sys.exit(theirs.main(sys.argv))
            except SystemExit as e:
                status = e.code if isinstance(e.code, int) else bool(e.code)
                sys.stdout.flush()
            finally:
                os._exit(status & 255)
        status = os.waitpid(pid, 0)[1]
        out.seek(0)
        return os.WEXITSTATUS(status), out.read()


def run(program, arguments, here, env):
    """Exit status, standard output, messages."""
    if program == THEIRS and env is None:
        return fork_theirs(arguments, here) + ("",)
    p = subprocess.run(
        [program] + arguments, cwd=here, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60,
        env={**os.environ, "APPLY_CONFIG_STATE": top + "/state",
             **(env or {})})
    return p.returncode, p.stdout, p.stderr.decode("utf-8", "replace")[-300:]


def both(what, arguments, env=None):
    """Run both in the folder top/r, made anew from top/in each time."""
    global failed, done, asked
    asked += 1
    if asked % EVERY:
        return
    results = []
    for program in THEIRS, OURS:
        here = os.path.join(top, "r")
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(os.path.join(top, "in"), here, symlinks=True)
        status, out, said = run(program, arguments, here, env)
        results.append((status, out, tree(here + "/out")))
    done += 1
    if results[0] != results[1]:
        failed += 1
        print("%s\n    theirs %r\n    ours   %r %s" % (
            what, results[0], results[1], said))


def fresh(metadata, templates):
    shutil.rmtree(os.path.join(top, "in"), ignore_errors=True)
    os.makedirs(os.path.join(top, "in", "t"))
    write(top + "/in/m.json", metadata)
    for name, text in templates.items():
        write(os.path.join(top, "in/t", name), text)


APPLY = ["-t", "t", "-o", "out", "--fallback-metadata", "-m", "m.json"]


def controls():
    documents = DOCUMENTS + [
        "%s: %s\n" % (k, v) for k in KEYS[:4] for v in VALUES] + [
        "%s: %s\n" % (k, v) for k in KEYS[4:] for v in ("0644", "root", "no")]
    for text in documents:
        fresh("{}", {"f": "", "f.oac": text})
        both("control file %r" % text, APPLY)


def inputs():
    for text in METADATA:
        # A name and a number with the same text are the same to neither.
        fresh(text, {"f": "{{a}} {{b}} {{.}}"})
        both("metadata %r" % text, APPLY)
        for q in QUESTIONS[:2] + QUESTIONS[7:12]:
            both("metadata %r, %s" % (text, q),
                 q + ["--fallback-metadata", "-m", "m.json"])
    for text in TEMPLATES:
        fresh('{"a": ["x", {"b": "y"}], "b": {"a": "q"}, "c": 1.50}',
              {"f": text})
        both("template %r" % text, APPLY)
    fresh(b'{"a": "\xff"}', {"f": "x"})
    both("metadata that is no UTF-8", APPLY)
    fresh("{}", {"f": b"\xff"})
    both("a template that is no UTF-8", APPLY)


def command_lines():
    fresh('{"a": true, "b": [1, "x", null], "d": {"e": 1}}',
          {"f": "{{.}}", "g/h": "{{e}}"})
    write(top + "/in/n.json", '{"a": "n", "d": null}')
    write(top + "/in/list.json", '["m.json", "", null, 0, false, "n.json"]')
    write(top + "/in/broken", "[")
    write(top + "/in/map", "{}")
    end = ["--fallback-metadata", "-t", "t", "-o", "out"]
    for q in QUESTIONS:
        both("%s" % q, q + end + ["-m", "m.json"])
    for files in (["-m", "m.json", "n.json"], ["-m", "m.json", "-m", "n.json"],
                  ["-mm.json"], ["--metadata=m.json"], ["--meta", "none"],
                  ["-m", "t"], ["-m", "broken"], ["-m", "map"], ["-m"],
                  ["--os-config-files", "list.json"],
                  ["--os-config-files", "broken"],
                  ["--os-config-files", "map"],
                  ["--os-config-files", "none"]):
        both("%s" % files, end + files)
        both("%s" % files, end + ["--key", "a", "--type", "raw"] + files)
    for env in ({"OS_CONFIG_FILES": "m.json::n.json"}, {"OS_CONFIG_FILES": ""},
                {"OS_CONFIG_FILES_PATH": "list.json"},
                {"OS_CONFIG_APPLIER_TEMPLATES": "t"},
                {"OS_CONFIG_APPLIER_TEMPLATES": ""}):
        both("%s" % env, ["--fallback-metadata", "-o", "out"], env)
        both("%s" % env, ["--print-templates"], env)
    both("fallback", ["--fallback-metadata", "m.json", "-t", "t", "-o",
                      "out", "-m", "n.json"])


def trees():
    fresh('{"v": 1}', {".hidden/.f": "1", "a/b/c": "{{v}}", "x.oac": "y",
                       "e": "", "e.oac": "allow_empty: no",
                       "p": "#!/bin/sh\ncat; printf '\\r\\n'; echo $#"})
    os.chmod(top + "/in/t/p", 0o755)
    os.symlink("a/b/c", top + "/in/t/link")
    os.symlink("a", top + "/in/t/folder")
    os.symlink("../m.json", top + "/in/t/outside")
    both("a tree", APPLY)
    write(top + "/in/out/e", "old")
    write(top + "/in/out/a/b/c", "old")
    os.chmod(top + "/in/out/a/b/c", 0o751)
    os.symlink("a/b/c", top + "/in/out/link")
    both("a tree over another", APPLY)
    os.symlink("none", top + "/in/t/dangling")
    both("a dangling link", APPLY)
    os.unlink(top + "/in/t/dangling")
    write(top + "/in/t/q", "#!/bin/sh\nexit 3\n")
    os.chmod(top + "/in/t/q", 0o755)
    both("a program that fails", APPLY)
    write(top + "/in/t/q", "#!/no/such/thing\n")
    both("a program that cannot be run", APPLY)
    write(top + "/in/t/q", "echo text without an interpreter's name\n")
    both("a program that is none", APPLY)
    write(top + "/in/t/q", "#!/bin/sh\n(sleep 0.2; echo late) & echo now\n")
    both("a program that lets another print", APPLY)
    os.symlink("/dev/null", top + "/in/t/null")
    both("a link to nothing", APPLY)


def generated(seed):
    """Templates out of what may meet in one, closed as they were opened."""
    r = random.Random(seed)
    pieces = ["\n", "\n", " ", "\t", "x", "{ ", "}", "\r\n", "{{!c}}", "=",
              "{{a}}", "{{{b}}}", "{{& c.d }}", "{{.}}", "{{a.0}}", "\u2028",
              "{{c}}}", "{{=| |=}}|a||={{ }}=|", "\u00e9", "{{ d\n}}", "\r"]

    def body(depth):
        out = ""
        for _ in range(r.randint(0, 5)):
            if depth and r.random() < 0.4:
                n = r.choice(("a", "b", "c", "c.d", "d", "e", "."))
                out += r.choice(("", " ", "\n")) + "{{%s%s}}%s%s{{/ %s}}%s" % (
                    r.choice("#^"), n, r.choice(("", "\n", " \n", "\r\n")),
                    body(depth - 1), n, r.choice(("", "\n", " ")))
            else:
                out += r.choice(pieces)
        return out

    values = ["", "s", 0, 1, 1.5, True, False, None, [], [1, "x"], {},
              {"d": "in"}, [{"d": 1}, {"a": None}], "{{a}}", "\u00e9"]
    fresh(json.dumps({k: r.choice(values) for k in "abcde"}),
          {"f%d" % i: body(3) for i in range(40)})
    both("seed %d" % seed, APPLY)


controls()
inputs()
command_lines()
trees()
for number in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
    generated(number)
shutil.rmtree(top)
print("%d comparisons, %d differences" % (done, failed))
sys.exit(failed > 0)
