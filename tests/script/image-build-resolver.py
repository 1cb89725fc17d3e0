#!/usr/bin/env python3
"""Compare element-info with diskimage-builder's resolver on random graphs.

Theirs queues dependencies in the order of a set, which differs from run to
run, so one graph can have several outcomes there.  They are found by renaming
the elements, which reorders the sets.  Ours must be one of them; or theirs
missed a name that something further on provides, for which ours waits.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

import logging

logging.disable(logging.CRITICAL)
from diskimage_builder import element_dependencies as theirs  # noqa: E402

ALREADY, MISSING, NO_OS = "already provided", "not found", "no system"


def graph(r):
    """A random graph: {name: (deps, provides)}, and the names asked for."""
    names = ["g-%s-%d" % (r.choice("abcz"), i) for i in range(r.randint(2, 14))]
    virtual = ["v-%d" % i for i in range(r.randint(0, 3))] + ["operating-system"]
    dense = r.choice([0.05, 0.15, 0.3])
    all_ = {}
    for n in names:
        deps = [d for d in names if r.random() < dense]
        deps += [v for v in virtual[:-1] if r.random() < 0.08]
        if r.random() < 0.01:
            deps.append("absent")
        all_[n] = (deps, [])
    for v in virtual:
        for n in r.sample(names, r.choice([0, 1, 1, 1, 1, 2]) % (len(names) + 1)):
            all_[n][1].append(v)
    if r.random() < 0.3:
        all_[r.choice(names)][1].append(r.choice(names))
    return all_, r.sample(names, r.randint(1, min(5, len(names))))


def write(folder, all_, r):
    """The graph as a folder of elements, laid out as people do."""
    for name, lists in all_.items():
        os.mkdir(os.path.join(folder, name))
        for what, words in zip(("element-deps", "element-provides"), lists):
            if not words and r.random() < 0.7:
                continue
            text = "".join("%s%s%s%s" % (
                r.choice(["", "", " ", "\t"]), w, r.choice(["", "", " "]),
                r.choice(["\n", "\n", "\n\n"])) for w in words)
            if r.random() < 0.2:
                text = text.rstrip("\n")
            with open(os.path.join(folder, name, what), "w") as f:
                f.write(text)


def outcome(run):
    """("ok", names) or ("error", which)."""
    try:
        return "ok", frozenset(run())
    except theirs.AlreadyProvidedException:
        return "error", ALREADY
    except theirs.MissingOSException:
        return "error", NO_OS
    except theirs.MissingElementException:
        return "error", MISSING


def renamed(all_, wanted, r):
    """Their outcome with other names, told by the real ones."""
    new = {n: "%s.%d" % (n, r.getrandbits(48)) for n in all_}
    old = {v: k for k, v in new.items()}
    elements = {}
    for name, (deps, provides) in all_.items():
        e = object.__new__(theirs.Element)
        e.name, e.path = new[name], "/"
        e.depends = {new.get(d, d) for d in deps}
        e.provides = {new.get(p, p) for p in provides}
        elements[e.name] = e
    return outcome(lambda: [old[e.name] for e in theirs._expand_element_dependencies(
        [new[w] for w in wanted], elements)])


def ours(folder, wanted):
    p = subprocess.run(["element-info"] + wanted, capture_output=True, text=True,
                       env=dict(os.environ, ELEMENTS_PATH=folder), timeout=60)
    if p.returncode == 0:
        return ("ok", frozenset(p.stdout.split())), p.stderr
    for text, what in ((ALREADY, ALREADY), ("not found", MISSING),
                       ("Please include", NO_OS)):
        if text in p.stderr:
            return ("error", what), p.stderr
    return ("error", p.stderr), p.stderr


def met(all_, wanted, provided):
    """The names met on the way; what is provided is not looked into."""
    seen, todo = set(), list(wanted)
    while todo:
        n = todo.pop()
        if n not in seen:
            seen.add(n)
            todo += [] if n in provided else all_.get(n, ([], []))[0]
    return seen


def waits(all_, wanted):
    """Whether every name that is met is an element or provided by one met."""
    provided = set()
    for _ in range(3):
        names = met(all_, wanted, provided)
        provided = {p for n in names - provided if n in all_ for p in all_[n][1]}
        if all(n in all_ or n in provided for n in names):
            return True
    return False


def compare(seed, n, top):
    same = waited = failures = errors = 0
    for i in range(n):
        r = random.Random("%s/%d" % (seed, i))
        all_, wanted = graph(r)
        folder = os.path.join(top, str(i))
        os.mkdir(folder)
        write(folder, all_, r)
        got, text = ours(folder, wanted)
        seen = {outcome(lambda: [e.name for e in theirs._get_elements(wanted, folder)])}
        for _ in range(200):
            if got in seen:
                break
            seen.add(renamed(all_, wanted, r))
        errors += got[0] == "error"
        if got in seen:
            same += 1
        elif ("error", MISSING) in seen and (
                got == ("error", ALREADY) or waits(all_, wanted)):
            waited += 1
        else:
            failures += 1
            print("graph %d: %s\nasked for %s\nours %s\ntheirs %s\n%s" % (
                i, all_, wanted, got, seen, text))
        shutil.rmtree(folder)
    print("%d graphs (%d of them errors): %d the same, %d where theirs did not wait"
          " for a provider, %d wrong" % (n, errors, same, waited, failures))
    return failures


def main():
    seed = sys.argv[1] if len(sys.argv) > 1 else "1"
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    print("seed %s" % seed, flush=True)
    with tempfile.TemporaryDirectory(dir=fast) as top:
        sys.exit(compare(seed, n, top) != 0)


main()
