#!/usr/bin/python3
"""`caisson layer` and what other programs say of its disks: veritysetup, e2fsck, debugfs.

usage: test_layer.py CAISSON        (TAP on standard output)
"""
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

CAISSON = os.path.abspath(sys.argv[1])
os.environ["PATH"] += ":/usr/sbin:/sbin"
MIB = 1 << 20


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, **options)


def add(archive, name, data=b"", **fields):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    for field, value in fields.items():
        setattr(entry, field, value)
    archive.addfile(entry, io.BytesIO(data))


def make_layer(path):
    """One of each kind of file, gzipped."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        add(archive, "usr", type=tarfile.DIRTYPE, mode=0o755, mtime=1600000000)
        add(archive, "usr/su", b"\x7fELF" + os.urandom(70000), mode=0o4755, uid=0, gid=5, mtime=1700000000.25)
        add(archive, "usr/hard", type=tarfile.LNKTYPE, linkname="usr/su")
        add(archive, "usr/soft", type=tarfile.SYMTYPE, linkname="su")
        add(archive, "usr/far", type=tarfile.SYMTYPE, linkname="x/" * 50)
        add(archive, "null", type=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
        add(archive, "pipe", type=tarfile.FIFOTYPE, mode=0o600, uid=3000000000)
        add(archive, "note", b"hi", pax_headers={"SCHILY.xattr.user.note": "written"})
        add(archive, "usr/.wh.gone")
        add(archive, "opaque/.wh..wh..opq")
        add(archive, "large", b"0123456789abcdef" * (MIB // 8))
        for i in range(2000):
            add(archive, f"many/file-{i:04}", b"x" * (i % 3))


def build(layer, disk, *options):
    done = run(CAISSON, "layer", "build", layer, "-o", disk, "--json", *options)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def verify(disk, facts):
    return run("veritysetup", "verify", disk, disk, facts["root_hash"],
               f'--hash-offset={facts["ext4_size"]}').returncode


def cut_ext4(disk, facts):
    """The ext4 alone: e2fsck wants no more."""
    with open(disk, "rb") as whole, open("ext4", "wb") as out:
        out.write(whole.read(facts["ext4_size"]))


def debugfs(request):
    return run("debugfs", "-R", request, "ext4").stdout.decode(errors="replace")


def test_veritysetup_accepts_the_disk():
    make_layer("layer.tar.gz")
    facts = build("layer.tar.gz", "disk")
    assert os.path.getsize("disk") == facts["disk_size"]
    assert verify("disk", facts) == 0
    hashed = run(CAISSON, "layer", "hash", "layer.tar.gz")
    assert hashed.stdout.decode().strip() == facts["root_hash"]


def test_veritysetup_makes_the_same_tree():
    make_layer("layer.tar.gz")
    facts = build("layer.tar.gz", "disk")
    cut_ext4("disk", facts)
    made = run("veritysetup", "format", "--salt=" + "00" * 32, "ext4", "tree").stdout.decode()
    assert re.search(r"Root hash:\s+(\w+)", made).group(1) == facts["root_hash"]
    with open("disk", "rb") as disk, open("tree", "rb") as tree:
        disk.seek(facts["ext4_size"] + 4096)
        tree.seek(4096)
        assert disk.read() == tree.read()


def test_a_flipped_bit_is_found_anywhere():
    make_layer("layer.tar.gz")
    facts = build("layer.tar.gz", "disk")
    tree = facts["ext4_size"] + 4096
    for offset in (0, 1024, 4096 * 5, 4096 * 20 + 1, facts["ext4_size"] - 1, tree, tree + 4096):
        shutil.copy("disk", "bad")
        with open("bad", "r+b") as disk:
            disk.seek(offset)
            byte = disk.read(1)[0]
            disk.seek(offset)
            disk.write(bytes([byte ^ 0x10]))
        assert verify("bad", facts) != 0, f"the flip at {offset} went unnoticed"


def test_e2fsck_finds_only_what_it_finds_in_the_reference():
    make_layer("layer.tar.gz")
    cut_ext4("disk", build("layer.tar.gz", "disk"))
    checked = run("e2fsck", "-fn", "ext4")
    said = checked.stdout.decode()
    assert checked.returncode == 4, said
    complaints = [line for line in said.splitlines() if "Fix?" in line or "fix?" in line]
    assert all("Padding at end of inode bitmap" in line for line in complaints), said
    assert "Padding at end of inode bitmap is not set" in said, said


def test_files_are_what_the_tar_says():
    make_layer("layer.tar.gz")
    cut_ext4("disk", build("layer.tar.gz", "disk"))
    su = debugfs("stat usr/su")
    assert "Mode:  04755" in su and "Group:     5" in su and "Links: 2" in su, su
    assert debugfs("stat usr/hard").splitlines()[0] == su.splitlines()[0]
    assert re.search(r"mtime: 0x6553f100:3b9aca00", su), su
    assert 'Fast link dest: "su"' in debugfs("stat usr/soft")
    assert "x/x/x/" in debugfs("cat usr/far")
    assert "01:03" in debugfs("stat null") and "Type: character" in debugfs("stat null")
    pipe = debugfs("stat pipe")
    assert int(re.search(r"User:\s*(-?\d+)", pipe).group(1)) % 2**32 == 3000000000, pipe
    assert "written" in debugfs("ea_get note user.note")
    gone = debugfs("stat usr/gone")
    assert "Type: character" in gone and "00:00" in gone, gone
    assert '"y"' in debugfs("ea_get opaque trusted.overlay.opaque")
    run("debugfs", "-R", "dump large large.out", "ext4")
    with open("large.out", "rb") as file:
        assert file.read() == b"0123456789abcdef" * (MIB // 8)


def test_dumpe2fs_shows_the_flavour():
    make_layer("layer.tar.gz")
    cut_ext4("disk", build("layer.tar.gz", "disk"))
    said = run("dumpe2fs", "-h", "ext4").stdout.decode()
    for line in ("Block size:               4096", "Inode size:\t          256", "<none>"):
        assert line in said, said
    features = re.search(r"Filesystem features:\s+(.*)", said).group(1).split()
    assert sorted(features) == sorted("ext_attr sparse_super2 filetype extent flex_bg large_file "
                                      "huge_file extra_isize read-only".split()), features


def test_a_vhd_is_the_disk_with_a_footer():
    make_layer("layer.tar.gz")
    plain, vhd = build("layer.tar.gz", "disk"), build("layer.tar.gz", "vhd", "--vhd")
    assert plain["root_hash"] == vhd["root_hash"]
    with open("disk", "rb") as a, open("vhd", "rb") as b:
        body = a.read()
        assert b.read(len(body)) == body
        footer = b.read()
    assert len(footer) == 512 and footer[:8] == b"conectix"
    assert int.from_bytes(footer[48:56], "big") == len(body)
    total = sum(footer) - sum(footer[64:68])
    assert int.from_bytes(footer[64:68], "big") == ~total & 0xffffffff


def test_standard_input_is_a_layer_too():
    make_layer("layer.tar.gz")
    with open("layer.tar.gz", "rb") as file:
        piped = run(CAISSON, "layer", "hash", "-", stdin=file)
    assert piped.stdout == run(CAISSON, "layer", "hash", "layer.tar.gz").stdout


def test_a_refused_layer_leaves_no_file():
    make_layer("layer.tar.gz")
    with open("layer.tar.gz", "rb") as file:
        whole = file.read()
    with open("cut.tar.gz", "wb") as file:
        file.write(whole[:len(whole) // 2])
    before = sorted(os.listdir("."))
    done = run(CAISSON, "layer", "build", "cut.tar.gz", "-o", "disk")
    assert done.returncode == 1 and b"truncated" in done.stderr, done
    assert sorted(os.listdir(".")) == before


def test_a_killed_build_leaves_no_file():
    make_layer("layer.tar.gz")
    with open("layer.tar.gz", "rb") as file:
        half = file.read()[:MIB // 16]
    before = sorted(os.listdir("."))
    process = subprocess.Popen([CAISSON, "layer", "build", "-", "-o", "disk"], stdin=subprocess.PIPE)
    process.stdin.write(half)
    process.stdin.flush()
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sorted(os.listdir(".")) == before


def test_names_cannot_leave_the_disk():
    with tarfile.open("evil.tar", "w") as archive:
        add(archive, "../../escaped", b"x")
        add(archive, "/etc/escaped", b"x")
        add(archive, "a/../../../b", b"x")
    cut_ext4("disk", build("evil.tar", "disk"))
    assert "escaped" in debugfs("ls /") and "escaped" in debugfs("ls /etc") and " b " in debugfs("ls /")
    assert not os.path.exists("../escaped") and not os.path.exists("../../escaped")


def test_memory_does_not_grow_with_the_layer():
    """A tar of 2 GiB and 60,000 files, made on the fly, within 64 MiB."""
    process = subprocess.Popen([CAISSON, "layer", "hash", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with gzip.GzipFile(fileobj=process.stdin, mode="wb", compresslevel=1) as packed:
        with tarfile.open(fileobj=packed, mode="w|") as archive:
            for i in range(60000):
                add(archive, f"some/folder-{i % 300}/a-file-of-an-ordinary-name-{i}")
            entry = tarfile.TarInfo("zeros")
            entry.size = 2 << 30
            with open("/dev/zero", "rb") as zeros:
                archive.addfile(entry, zeros)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    print(f"# {usage.ru_maxrss >> 10} MiB at most")
    assert usage.ru_maxrss << 10 < 64 * MIB, usage.ru_maxrss


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="caisson-layer-") as folder:
            os.chdir(folder)
            try:
                test()
                verdict = "ok"
            except Exception as error:  # a test that breaks is a test that fails
                verdict = "not ok"
                failed += 1
                print("".join(f"# {line}\n" for line in f"{type(error).__name__}: {error}".splitlines()), end="")
            os.chdir("/")
        print(f'{verdict} {number} - {name[5:].replace("_", " ")}', flush=True)
    return 1 if failed else 0


sys.exit(main())
