"""What a power cut leaves of a disk whose writes were logged.

A log of QEMU's blklogwrites (the format of dm-log-writes) and the disk as it
was before give the disk as it was after each write. A disk may also have lost
any of the writes since the last flush, and may have stopped in the midst of
one, between two sectors. Cuts makes these states one after the other.

For each partition a state has a key: equal keys, equal content. What was
judged once need not be judged again.
"""
import bisect
import contextlib
import ctypes
import hashlib
import json
import mmap
import multiprocessing
import os
import random
import struct
import subprocess
import time

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
MOST_LOST = 64 << 20  # bytes that a state has lost at most


def run(*argv, **more):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more).stdout


def partitions(image):
    """The names of a disk's partitions with start and size in sectors."""
    table = json.loads(run("sfdisk", "-J", image))["partitiontable"]
    return {p["name"]: (p["start"], p["size"]) for p in table["partitions"]}


def copy_sparse(source, start, size, target):
    """Bytes of one file as another, without the holes."""
    fd = os.open(source, os.O_RDONLY)
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.ftruncate(out, size)
    at, end = start, start + size
    while at < end:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break  # a hole up to the end
        hole = min(os.lseek(fd, data, os.SEEK_HOLE), end)
        while data < hole:
            piece = os.pread(fd, min(1 << 20, hole - data), data)
            os.pwrite(out, piece, data - start)
            data += len(piece)
        at = hole
    os.close(fd)
    os.close(out)


@contextlib.contextmanager
def mounted(path, at, options="rw", start=0, size=0):
    """A file system in a file, through a loop device of its own: mount -o loop
    may take one that is about to go, with an older state in its memory."""
    device = run("losetup", "-f", "--show", "-o", str(start), "--sizelimit",
                 str(size), path).decode().strip()
    try:
        run("mount", "-o", options, device, at)
        try:
            yield at
        finally:
            # One that is broken may be busy for a moment.
            if subprocess.run(["umount", at], stderr=subprocess.DEVNULL,
                              check=False).returncode != 0:
                run("umount", "-l", at)
    finally:
        run("losetup", "-d", device)


def repair(path):
    """As at boot: what can be, is repaired."""
    for how in ("-p", "-y"):
        code = subprocess.run(["e2fsck", how, path], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode
        if code < 4:
            return
    raise ValueError("e2fsck cannot repair it")


class Logged:
    """A disk as a file at place, each write to which goes to a log."""

    def __init__(self, disk, log, place):
        for path in (log, place):
            open(path, "wb").close()
        self.place = place
        self.daemon = subprocess.Popen([
            "qemu-storage-daemon",
            "--blockdev", "driver=file,node-name=base,filename=" + disk,
            "--blockdev", "driver=file,node-name=log,filename=" + log,
            "--blockdev", "driver=blklogwrites,node-name=disk,file=base,log=log",
            "--export",
            "fuse,id=disk,node-name=disk,writable=on,mountpoint=" + place])

    def __enter__(self):
        until = time.monotonic() + 60
        while os.path.getsize(self.place) == 0:
            if self.daemon.poll() is not None or time.monotonic() > until:
                self.__exit__()
                print("needs qemu-storage-daemon with FUSE")
                raise SystemExit(77)
            time.sleep(0.05)
        return self.place

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()


class Entry:
    def __init__(self, sector, count, flags, at):
        self.sector, self.count, self.flags, self.at = sector, count, flags, at

    def sectors(self):
        return range(self.sector, self.sector + self.count)


class Log:
    """The entries of a log; those that carry data first to last."""

    def __init__(self, path):
        self.file = open(path, "rb")
        magic, version, n, size = struct.unpack("<QQQI", self.file.read(28))
        if magic != MAGIC or version != 1:
            raise SystemExit("%s is no log of writes" % path)
        self.map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        self.entries, self.flushes = [], 0
        at, unit = size, size // SECTOR
        for _ in range(n):
            sector, count, flags, _ = struct.unpack_from("<QQQQ", self.map, at)
            at += size
            self.entries.append(Entry(sector * unit, count * unit, flags, at))
            self.flushes += flags & FLUSH
            if not flags & (DISCARD | MARK):
                at += count * size

    def data(self, index, sector, count):
        e = self.entries[index]
        at = e.at + (sector - e.sector) * SECTOR
        return self.map[at:at + count * SECTOR]


class Cuts:
    """A disk that goes through the states, in the file at path."""

    def __init__(self, base, log, path, parts):
        copy_sparse(base, 0, os.path.getsize(base), path)
        self.log, self.path = log, path
        self.base = open(base, "rb")
        self.fd = os.open(path, os.O_RDWR)
        self.starts = sorted((start, name) for name, (start, _) in parts.items())
        self.keys = {name: 0 for name in parts}
        self.keys[None] = 0
        self.version = {}  # sector: the entry that wrote it last
        self.since = {}  # sector: the entries since the last flush
        self.before = {}  # sector: its version at the last flush
        self.window = []  # the entries since the last flush

    def part(self, sector):
        i = bisect.bisect_right(self.starts, (sector, "~")) - 1
        return self.starts[i][1] if i >= 0 else None

    def set(self, versions):
        """Let sectors have versions: {sector: index or None}."""
        run_of = []
        for sector in sorted(versions):
            index = versions[sector]
            if run_of and run_of[-1][0] + run_of[-1][1] == sector and \
                    run_of[-1][2] == index:
                run_of[-1][1] += 1
            else:
                run_of.append([sector, 1, index])
        for sector, count, index in run_of:
            self.put(sector, count, index)

    def put(self, sector, count, index):
        if index is None:
            data = os.pread(self.base.fileno(), count * SECTOR, sector * SECTOR)
        else:
            data = self.log.data(index, sector, count)
        os.pwrite(self.fd, data, sector * SECTOR)
        key = 0
        for s in range(sector, sector + count):
            old = self.version.get(s)
            if old is not None:
                key ^= hash((s, old))
            if index is not None:
                key ^= hash((s, index))
            self.version[s] = index
        self.keys[self.part(sector)] ^= key

    def apply(self, index):
        e = self.log.entries[index]
        for s in e.sectors():
            self.since.setdefault(s, []).append(index)
            self.before.setdefault(s, self.version.get(s))
        self.put(e.sector, e.count, index)
        self.window.append(index)

    def flushed(self):
        self.since, self.before, self.window = {}, {}, []

    def without(self, lost):
        """The versions of all sectors that some entries wrote, without them."""
        versions = {}
        for index in lost:
            for s in self.log.entries[index].sectors():
                kept = [i for i in self.since[s] if i not in lost]
                versions[s] = kept[-1] if kept else self.before[s]
        return versions

    def torn(self, rng):
        """The last write, only its first sectors."""
        e = self.log.entries[self.window[-1]]
        first = e.sector + rng.randrange(1, e.count)
        return {s: self.since[s][-2] if len(self.since[s]) > 1 else self.before[s]
                for s in range(first, e.sector + e.count)}

    def lost(self, rng):
        """Some of the writes since the last flush, as a set of them."""
        share = rng.choice((0.1, 0.5, 0.9))
        some = [i for i in self.window if rng.random() < share and
                not self.log.entries[i].flags & FUA]
        some = some or [rng.choice(self.window)]
        rng.shuffle(some)
        room, lost = MOST_LOST, set()
        for i in some:
            room -= self.log.entries[i].count * SECTOR
            if room < 0 and lost:
                break
            lost.add(i)
        return lost

    def lying(self, rng, chosen):
        """Yield (number, "lost") with the disk in states that it may leave if
        it never did what a flush asks for: after each chosen entry, without
        some of all that was written."""
        for index, e in enumerate(self.log.entries):
            if not e.count or e.flags & (MARK | DISCARD):
                continue
            self.apply(index)
            if index in chosen:
                versions = self.without(self.lost(rng) - {index})
                now = {s: self.version.get(s) for s in versions}
                self.set(versions)
                yield index, "lost"
                self.set(now)

    def close(self):
        os.close(self.fd)
        os.unlink(self.path)

    def states(self, seed, per, mine):
        """Yield (number, kind) with the disk in that state: per random losses
        beside each write's own states. mine(number) says which to make."""
        number = 0
        for index, e in enumerate(self.log.entries):
            if e.flags & FLUSH:
                self.flushed()
            if not e.count or e.flags & (MARK | DISCARD):
                continue
            self.apply(index)
            kinds = ["cut"] + (["torn"] if e.count > 1 else [])
            kinds += ["lost"] * (per if len(self.window) > 1 else 0)
            for kind in kinds:
                number += 1
                if not mine(number):
                    continue
                rng = random.Random(seed * 1000003 + number)
                versions = {}
                if kind == "torn":
                    versions = self.torn(rng)
                elif kind == "lost":
                    versions = self.without(self.lost(rng))
                now = {s: self.version.get(s) for s in versions}
                self.set(versions)
                yield number, kind
                self.set(now)

    def key(self):
        return tuple(sorted((str(n), k) for n, k in self.keys.items()))

    def fingerprint(self, runs):
        """Of the content of some runs (sector, count)."""
        key = 0
        for sector, count in runs:
            for s in range(sector, sector + count):
                v = self.version.get(s)
                if v is not None:
                    key ^= hash((s, v))
        return key


class Fat:
    """What a loader reads of a FAT32 file system that nobody has checked."""

    def __init__(self, fd, start):
        self.fd, self.start = fd, start
        b = os.pread(fd, SECTOR, start)
        per, _, self.reserved, fats = struct.unpack_from("<HBHB", b, 11)
        if per != SECTOR or not b[13]:
            raise ValueError("the ESP is no FAT")
        self.cluster = b[13] * SECTOR
        size = struct.unpack_from("<I", b, 36)[0]
        self.root = struct.unpack_from("<I", b, 44)[0]
        table = os.pread(fd, size * SECTOR, start + self.reserved * SECTOR)
        self.next = memoryview(table).cast("I")
        self.data = (self.reserved + fats * size) * SECTOR

    def chain(self, cluster):
        chain = []
        while 2 <= cluster < len(self.next) and len(chain) < len(self.next):
            chain.append(cluster)
            cluster = self.next[cluster] & 0x0FFFFFFF
        return chain

    def runs(self, cluster, size):
        """(sector, count) on the disk of a chain, as far as size goes."""
        n = self.cluster // SECTOR
        runs = []
        for c in self.chain(cluster)[:(size + self.cluster - 1) // self.cluster]:
            sector = (self.start + self.data + (c - 2) * self.cluster) // SECTOR
            if runs and runs[-1][0] + runs[-1][1] == sector:
                runs[-1][1] += n
            else:
                runs.append([sector, n])
        return runs

    def read(self, cluster, size):
        return b"".join(os.pread(self.fd, n * SECTOR, s * SECTOR)
                        for s, n in self.runs(cluster, size))[:size]

    def folder(self, cluster):
        """{name: (attributes, first cluster, size)}"""
        data = self.read(cluster, 1 << 20)
        found, long = {}, {}
        for at in range(0, len(data), 32):
            e = data[at:at + 32]
            if e[0] == 0:
                break
            if e[0] == 0xE5:
                long = {}
            elif e[11] == 15:
                long[e[0] & 31] = e[1:11] + e[14:26] + e[28:32]
            elif not e[11] & 8:
                name = b"".join(long[k] for k in sorted(long)).decode(
                    "utf-16-le", "replace").split("\0")[0]
                if not name:
                    name = e[:8].decode("latin-1").rstrip()
                    end = e[8:11].decode("latin-1").rstrip()
                    name = (name + "." + end if end else name).lower()
                first = struct.unpack_from("<H", e, 20)[0] << 16 | \
                    struct.unpack_from("<H", e, 26)[0]
                found[name] = (e[11], first, struct.unpack_from("<I", e, 28)[0])
                long = {}
            else:
                long = {}
        return found

    def find(self, path):
        """(attributes, first cluster, size), or None."""
        at = (16, self.root, 0)
        for name in path.strip("/").split("/"):
            at = self.folder(at[1]).get(name) if at and at[0] & 16 else None
        return at

    def names(self, path):
        at = self.find(path)
        return sorted(self.folder(at[1])) if at and at[0] & 16 else []

    def text(self, path):
        """What stands in a small file; nothing if it is not there."""
        at = self.find(path)
        if at is None or at[0] & 16 or at[2] > 1 << 20:
            return ""
        return self.read(at[1], at[2]).decode("utf-8", "replace")

    def digest(self, path, cuts, known):
        """SHA-256 of a file; known keeps those of the same content."""
        at = self.find(path)
        if at is None or at[0] & 16:
            return "none"
        runs = self.runs(at[1], at[2])
        key = (at[2], tuple(map(tuple, runs)), cuts.fingerprint(runs))
        if key not in known:
            known[key] = hashlib.sha256(self.read(at[1], at[2])).hexdigest()
        return known[key]

    def extract(self, path, to):
        """All of a folder as files of the host."""
        os.makedirs(to, exist_ok=True)
        at = self.find(path) if path else (16, self.root, 0)
        for name, (kind, first, size) in self.folder(at[1]).items():
            inner = os.path.join(to, name)
            if name in (".", ".."):
                continue
            if kind & 16:
                self.extract(path + "/" + name, inner)
            else:
                with open(inner, "wb") as f:
                    f.write(self.read(first, size))


class Tally:
    """What was looked at; of several workers together."""

    def __init__(self):
        self.kinds, self.ends, self.bad = {}, {}, []
        self.seen = set()

    def add(self, number, kind, cuts, judge):
        """Judge a state; a judgement raises ValueError or tells what it is."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.seen.add(cuts.key())
        try:
            end = judge()
            self.ends[end] = self.ends.get(end, 0) + 1
            return end
        except (ValueError, OSError, KeyError, struct.error) as e:
            self.bad.append("state %d (%s): %s" % (number, kind, e))
        except subprocess.CalledProcessError as e:
            self.bad.append("state %d (%s): %s: %s" % (
                number, kind, e.cmd[0], e.stderr.decode("utf-8", "replace")[-200:]))
        return None

    def merge(self, other):
        for mine, its in ((self.kinds, other.kinds), (self.ends, other.ends)):
            for k, n in its.items():
                mine[k] = mine.get(k, 0) + n
        self.bad += other.bad
        self.seen |= other.seen

    def states(self):
        return sum(self.kinds.values())

    def show(self, title):
        print("%s: %d crash states, %d of them different, %d bad" % (
            title, self.states(), len(self.seen), len(self.bad)))
        print("  %s" % ", ".join("%s %d" % (KINDS[k], n)
                                 for k, n in sorted(self.kinds.items())))
        for end, n in sorted(self.ends.items()):
            print("  %-48s %6d" % (end, n))
        for line in self.bad[:20]:
            print("  BAD " + line)


KINDS = {"cut": "cut between writes", "torn": "cut in a write",
         "lost": "writes of a flush window lost"}


def count_states(log, per):
    """How many states Cuts makes: (without losses, all)."""
    plain = losses = window = 0
    for e in log.entries:
        window = 0 if e.flags & FLUSH else window
        if e.count and not e.flags & (MARK | DISCARD):
            window += 1
            plain += 2 if e.count > 1 else 1
            losses += window > 1
    return plain, plain + per * losses


def per_write(log, states):
    """How many random losses a write needs for so many states in all."""
    plain, all_ = count_states(log, 1)
    return max(1, -(-(states - plain) // max(1, all_ - plain)))


def leave_others():
    """Mounts of our own: programs that leave, too, would keep others' alive."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x20000) != 0:
        raise OSError(ctypes.get_errno(), "a mount namespace of our own")
    run("mount", "--make-rprivate", "/")


def in_parallel(jobs, act):
    """act(job) in so many processes: their tallies, merged place by place."""
    with multiprocessing.Pool(jobs, initializer=leave_others) as pool:
        results = pool.map(act, range(jobs), 1)
    for other in results[1:]:
        for mine, its in zip(results[0], other):
            mine.merge(its)
    return results[0]
