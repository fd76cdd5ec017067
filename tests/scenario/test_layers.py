#!/usr/bin/python3
"""A mounted layer shows what its tar says: a layer with every kind of entry, looked at inside the machine."""
import json

from lib import tap
from lib.cli import CliCase

LOOK = r"""
import hashlib, json, os, stat
def look(path):
    s = os.lstat(path)
    out = [oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns]
    if stat.S_ISLNK(s.st_mode): out.append(os.readlink(path))
    if stat.S_ISREG(s.st_mode): out.append(hashlib.sha256(open(path, "rb").read()).hexdigest()[:16])
    if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode): out.append([os.major(s.st_rdev), os.minor(s.st_rdev)])
    return out
os.chdir("/kinds")
print(json.dumps({"files": {name: look(name) for name in sorted(os.listdir("."))},
                  "same": os.stat("hardlink").st_ino == os.stat("plain").st_ino,
                  "user": {name: os.getxattr("attributes", name).decode() for name in ("user.caisson", "user.long")},
                  "deep": [look("/implied/parents/of/a/file"), oct(os.stat("/implied/parents").st_mode)]}))
"""
T = 1700000000 * 10**9


class Kinds(CliCase):
    def test_shows_what_the_tar_says(self):
        seen = json.loads(self.run_image("kinds", "python3", "-X", "utf8", "-c", LOOK).stdout)
        files = seen["files"]
        expected = {
            "plain": ["0o100640", 1234, 2345, T], "empty": ["0o100400", 0, 0, T], "setuid": ["0o104755", 0, 0, T],
            "sticky": ["0o41777", 0, 0, T], "setgid": ["0o42775", 0, 50, T], "fifo": ["0o10600", 0, 0, T],
            "large-ids": ["0o100644", 3000000000, 4000000000, T],
            "nanoseconds": ["0o100644", 0, 0, 1600000000123456789],
            "symlink": ["0o120777", 0, 0, T, "plain"], "long-symlink": ["0o120777", 0, 0, T, "/" + "a/" * 100 + "end"],
            "null": ["0o20666", 0, 0, T, [1, 3]], "block": ["0o60660", 0, 0, T, [7, 300]],
            "n" * 255: ["0o100644", 0, 0, T], "gr\u00fc\u00df-\u65e5\u672c": ["0o100644", 0, 0, T],
        }  # fmt: skip
        for name, value in expected.items():
            with self.subTest(name=name[:20]):
                self.assertEqual(files[name][:len(value)], value)
        self.assertTrue(seen["same"])
        self.assertEqual(seen["user"], {"user.caisson": "value", "user.long": "v" * 600})
        self.assertEqual(seen["deep"][0][1], 7)


if __name__ == "__main__":
    tap.main()
