#!/usr/bin/env python3
"""Make a random tree with everything that file systems find hard.

    image-pack-random.py DIR SEED

Names of up to 255 bytes, of any bytes; long symlinks; sparse files; files
whose sizes stand around the block size; hard links across folders; devices;
attributes and ACLs; odd owners, modes and times.
"""
import os
import random
import stat
import sys

root = os.fsencode(sys.argv[1])
r = random.Random(int(sys.argv[2]))
folders, files = [root], []


def name(parent):
    while True:
        n = r.choice([1, 3, 8, 8, 12, 40, 255])
        new = bytes(r.choice([c for c in range(1, 256) if c != 47])
                    if r.random() < 0.1 else r.choice(b"abcdefgh_.-")
                    for _ in range(n))
        path = os.path.join(parent, new)
        if new not in (b".", b"..") and not os.path.lexists(path):
            return path


def content(path):
    size = r.choice([0, 1, 59, 60, 160, 4095, 4096, 4097, 12288, 70000,
                     r.randrange(200000)])
    with open(path, "wb") as f:
        if r.random() < 0.3:
            for _ in range(r.randrange(1, 12)):
                f.seek(r.randrange(5000000))
                f.write(r.randbytes(r.randrange(1, 5000)))
            f.truncate(r.randrange(5000000, 6000000))
        else:
            f.write(r.randbytes(size))


def entry():
    parent = r.choice(folders)
    kind = r.random()
    path = name(parent)
    if len(path) > 3500:
        return
    if kind < 0.15:
        os.mkdir(path)
        folders.append(path)
    elif kind < 0.65:
        content(path)
        files.append(path)
    elif kind < 0.8:
        os.symlink(r.randbytes(r.choice([1, 59, 60, 61, 1000])).replace(
            b"\0", b"x"), path)
    elif kind < 0.9 and files:
        os.link(r.choice(files), path)
    elif kind < 0.95:
        os.mkfifo(path)
    else:
        os.mknod(path, r.choice([stat.S_IFCHR, stat.S_IFBLK]) | 0o600,
                 os.makedev(r.randrange(300), r.randrange(70000)))


def adorn(path):
    link = os.path.islink(path)
    os.chown(path, r.choice([0, 1000, 65534, 4000000000]),
             r.choice([0, 5, 70000]), follow_symlinks=False)
    if not link:
        os.chmod(path, r.randrange(0o10000))
    if os.path.isfile(path) and not link or os.path.isdir(path):
        if r.random() < 0.2:
            os.setxattr(path, b"user." + b"n" * r.randrange(1, 100),
                        r.randbytes(r.choice([0, 1, 30, 900])),
                        follow_symlinks=False)
    os.utime(path, ns=(0, r.randrange(1, 1600000000) * 10**9),
             follow_symlinks=False)


os.makedirs(root, exist_ok=True)
for _ in range(400):
    entry()
big = os.path.join(root, b"many")
os.mkdir(big)
for i in range(1500):
    open(os.path.join(big, b"file-%d" % i), "wb").close()
for top, dirs, names in os.walk(root, topdown=False):
    for n in names + dirs:
        adorn(os.path.join(top, n))
os.chmod(root, 0o755)
os.utime(root, ns=(0, 10**18))
