"""A machine with two root partitions that is no machine: small trees on a disk
of loop devices, a folder for its root, no kernel that runs. Its ESP is an ext4
with neither journal nor checksums, as near to FAT as can be, since the kernel here may know no FAT. All writes of two
updates, one that is committed and one that does not come up, are logged."""
import os
import random
import subprocess

from power_cuts import SECTOR, Logged, copy_sparse, partitions, run

MIB = 1 << 20
SIZES = {"esp": 24, "root-a": 72, "root-b": 72, "state": 48}
MACHINE_ID = "0123456789abcdef0123456789abcdef\n"


def put(top, path, data):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def make_tree(args, version, files, rng):
    top = os.path.join(args.work, "images", str(version))
    for i in range(400):
        if i not in files or rng.random() < 0.4:
            files[i] = rng.randbytes(int(rng.paretovariate(1.2) * 2000) % 200000)
        put(top, "usr/lib/d%d/f%d" % (i % 20, i), files[i])
    put(top, "boot/vmlinuz-6.%d" % version, rng.randbytes(3 * MIB))
    put(top, "boot/initrd.img-6.%d" % version, rng.randbytes(4 * MIB))
    put(top, "etc/kernel/cmdline", "root=LABEL=x ro console=ttyS0\n")
    put(top, "etc/motd", "version %d\n" % version)
    os.makedirs(os.path.join(top, "usr/lib/ingot"))
    with open(top + ".contents", "wb") as f:
        f.write(run(os.path.join(args.bin, "image-update"), "-q", "describe", top,
                    "--image-version", str(version)))
    return top


def make_esp(top):
    """As image-build leaves it: the first slot's entries and kernel."""
    esp = os.path.join(os.path.dirname(top), "esp")
    options = "root=PARTLABEL=root-a ingot.slot=a ro panic=10\n"
    put(esp, "loader/entries/ingot-a-1.conf", "title 1\nsort-key ingot\nversion 1\n"
        "linux /ingot/a/linux\ninitrd /ingot/a/initrd\noptions " + options)
    put(esp, "ingot/a/grub.cfg", "linux /ingot/a/linux " + options +
        "initrd /ingot/a/initrd\n")
    put(esp, "grub/grubenv", ("# GRUB Environment Block\nslot=a\n").ljust(1024, "#"))
    for name, from_ in (("linux", "vmlinuz-6.1"), ("initrd", "initrd.img-6.1")):
        with open(os.path.join(top, "boot", from_), "rb") as f:
            put(esp, "ingot/a/" + name, f.read())
    return esp


def make_disk(args):
    rng, files = random.Random(args.seed), {}
    tops = [make_tree(args, v, files, rng) for v in (1, 2, 3)]
    args.next = tops[1]
    first = os.path.join(args.work, "images", "first")
    run("cp", "-a", tops[0], first)
    run("cp", tops[0] + ".contents", os.path.join(first, "usr/lib/ingot/contents"))
    state = os.path.join(args.work, "images", "state")
    put(state, "etc-a/upper/machine-id", MACHINE_ID)
    with open(args.base, "wb") as f:
        f.truncate((sum(SIZES.values()) + 2) * MIB)
    script = "label: gpt\n" + "".join("name=%s, size=%dMiB\n" % s
                                      for s in SIZES.items())
    run("sfdisk", "-q", args.base, input=script.encode())
    for name, tree in (("esp", make_esp(tops[0])), ("root-a", first),
                       ("root-b", None), ("state", state)):
        start, size = partitions(args.base)[name]
        more = ["-O", "^has_journal,^metadata_csum"] if name == "esp" else ["-J", "size=4"]
        run("mke2fs", "-q", "-F", "-t", "ext4", *more, "-E",
            "offset=%d" % (start * SECTOR), *(["-d", tree] if tree else []),
            args.base, "%dk" % (size // 2))


class Machine:
    """What stands on a device, with loop devices for its partitions."""

    def __init__(self, args, disk):
        self.args, self.loops = args, []
        self.root = os.path.join(args.work, "recorder")
        for folder in ("dev/disk/by-partlabel", "proc", "state",
                       "usr/lib/ingot/health.d"):
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        for name, (start, size) in partitions(args.base).items():
            device = run("losetup", "-f", "--show", "-o", str(start * SECTOR),
                         "--sizelimit", str(size * SECTOR), disk).decode().strip()
            self.loops.append(device)
            link = os.path.join(self.root, "dev/disk/by-partlabel", name)
            os.symlink(device, link)
        self.state = os.path.join(self.root, "state")

    def update(self, *argv):
        run(os.path.join(self.args.bin, "image-update"), "--root", self.root,
            "--unsigned", *argv, timeout=600,
            env=dict(os.environ, PATH=self.args.stubs + ":" + os.environ["PATH"]))

    def boot(self, slot):
        """The state is let go and mounted again, as from one boot to the next."""
        if os.path.ismount(self.state):
            run("umount", self.state)
        run("mount", os.path.realpath(os.path.join(
            self.root, "dev/disk/by-partlabel/state")), self.state)
        with open(os.path.join(self.root, "proc/cmdline"), "w") as f:
            f.write("ro ingot.slot=%s\n" % slot)
        self.update("boot")

    def close(self):
        subprocess.run(["umount", self.state], stderr=subprocess.DEVNULL, check=False)
        for device in self.loops:
            run("losetup", "-d", device)


def record(args):
    disk = os.path.join(args.work, "recorded")
    copy_sparse(args.base, 0, os.path.getsize(args.base), disk)
    with Logged(disk, args.log, os.path.join(args.work, "exported")) as place:
        machine = Machine(args, place)
        try:
            machine.boot("a")
            machine.update("--hold", "1", "--limit", "4000000000", "apply",
                           args.next)
            machine.boot("b")
            machine.update("apply", os.path.join(args.work, "images", "3"))
            machine.boot("b")
        finally:
            machine.close()
    os.unlink(disk)
