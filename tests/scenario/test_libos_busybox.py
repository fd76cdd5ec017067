#!/usr/bin/python3
"""An image as Alpine lays it out, of busybox and musl's libc alone, in an enclave of the model: what its shell and tools say is the same
outside. tests/images/build-busybox makes the program, once a build."""
import fcntl
import os
import subprocess
import tarfile
import unittest

from lib import inside, paths, tap
from lib.enclave import EnclaveCase, make_image
from lib.inside import free_port

BUILD = os.path.join(paths.SOURCE, "tests", "images", "build-busybox")
BUILT = os.path.join(paths.IMAGES, "busybox-musl")
LINKER = "/lib/ld-musl-x86_64.so.1"
USRBIN = ("awk basename bc bunzip2 bzip2 cksum clear cmp comm cpio cut diff dirname du env expand expr factor find flock fold free fuser groups hd head hexdump id "
          "install killall lsof md5sum mkfifo nc nl nohup nproc od paste pgrep pkill pmap pstree pwdx readlink realpath renice seq setsid sha1sum sha256sum shuf sort "
          "split strings tac tail tee test time timeout top tr truncate tty unexpand uniq unlink unxz unzip uptime vi wc wget which whoami xargs xxd xzcat yes").split()  # fmt: skip

FILES = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "/etc/group": b"root:x:0:root\nworker:x:1000:\nnobody:x:65534:\n",
    "/etc/hosts": b"127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n",
    "/etc/profile": b"export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PAGER=less\numask 022\n",
    "/etc/shells": b"/bin/sh\n/bin/ash\n",
    "/etc/os-release": b'NAME="Alpine-like"\nID=alpine-like\n',
}

SHELL = r"""
hello() { local who=$1; echo "hello $who ${who#w} ${#who} ${none:-default}"; return 5; }
hello world; echo $?
case abc in a*) echo matched;; *) echo not;; esac
for i in 1 2 3; do [ $i -eq 2 ] && continue; echo "i $i $((i ** 2 % 7)) $((0x10 | 1))"; done
while getopts ab:c option -a -b value -c; do echo "$option ${OPTARG-}"; done
IFS=: read -r one two rest <<END
first:second:third:$((6 * 7))
END
echo "$rest $two $one"; unset IFS
cat <<'END'
no $expansion $(here)
END
cat <<-END | tr a-z A-Z
	deep $(echo deeper $(echo deepest))
	END
set -- "a b" c ''; for each; do echo "<$each>"; done; echo $#; shift; echo "$*"
(exit 3); echo $?; false || echo false; ! true; echo $?; sh -c 'exit 7'; echo $?; sh -c 'kill -9 $$'; echo $?; none-such 2>/dev/null; echo $?
export X=1; Y=2 sh -c 'echo "$X $Y ${Z-unset}"'; env -i A=b C='d e' env; x=$(printf '%05d|%-5s|%x' 42 ab 255); echo "$x"
echo out; echo err >&2; { echo both; echo err >&2; } 2>&1 | sort; exec 3>file3; echo three >&3; exec 3>&-; cat file3; cat <file3 >&1
set -o pipefail; false | true; echo $?; set +o pipefail; eval 'echo eval'; (cd / && pwd); type cat | sed 's,/.*/,,'; umask 027; umask; touch masked; stat -c %a masked
alias; echo * | wc -w; echo '*'; echo "a	b" | cut -f2; echo ${x%|*}; test -d . -a ! -e none && echo there; printf '%s\n' {1,2}; echo $'tab\there'
trap 'echo got usr1' USR1; kill -USR1 $$; trap '' USR1; kill -USR1 $$; trap 'echo "the end $?"' EXIT
exit 6
"""

TOOLS = r"""
seq 100 | grep 7 | sort -rn | head -n 3 | tr '\n' ' '; echo
printf 'b 2\na 1\nb 2\nc 3\n' >words; sort words | uniq -c | awk '{ n[$2] = $1; s += $3 } END { print n["b"], s, NR }'
awk 'BEGIN { while (("echo a; echo b" | getline x) > 0) print "got " x; print system("exit 3"), substr("awkward", 1, 3), toupper("up"), sin(0), length("four") }'
for i in 0 1 2 3 4; do echo "line $i"; done >lines; sed -i 's/line/LINE/; 3d; 4a added' lines; cat lines; tac lines | tail -n 1; wc -l <lines; sed -n '/1/,/3/p' lines
mkdir -p a/b/c && for i in 1 2 3 4; do echo "$i" >a/f$i; done; cp a/f1 a/b/c/copy; ln -s f1 a/link; ln a/f2 a/hard; chmod 640 a/f3; mkfifo a/pipe
find a -type f | sort; find a -name 'f*' -print0 | sort -z | xargs -0 -n 2 echo; find a -type l -exec readlink {} \;; find a -size -2 -name f1 -exec cat {} +; find a -type p
stat -c '%n %a %s %F %h' a/f3 a/link a/hard; ls -A a | tr '\n' ' '; ls -l a | awk '/^[-lp]/ { print $1, $2, $5 }' | sort | uniq -c; du -a a/b >/dev/null && echo du; rm a/pipe
tar -c a | tar -t | sort; mkdir out; tar -cz a | tar -xz -C out; diff -r a out/a && echo same; tar -cf all.tar a; gzip -c all.tar | gunzip -c | cmp - all.tar && echo cmp
find a -type f | sort | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null; bzip2 -c lines | bunzip2 -c | md5sum; sha256sum lines | cut -c1-16; cksum lines; base64 lines | base64 -d | tail -n 1
mv a/f4 a/moved; rm -r a/b; rmdir a 2>/dev/null; echo $?; test -e a/f4; echo $?; readlink -f out/a/link | sed 's,.*/out,out,'; basename /x/y.z .z; dirname /x/y; realpath . | wc -l
dd if=/dev/zero bs=1000 count=3 2>/dev/null | wc -c; head -c 20 /dev/urandom | wc -c; od -An -tx1 lines | head -n 1; hexdump -C lines | head -n 1; xxd lines | head -n 1; printf 'a\nb\n' | paste -sd,
expr 6 \* 7; factor 91; echo '2^64 / 3' | bc; date -u -d @86399 +%FT%T; seq 3 | nl; echo one two | fold -w 4; yes | head -n 2; seq 10 | split -l 4 - part.; ls part.*; cat part.ab | tr '\n' ' '
printf '1\n2\n3\n' >n1; printf '2\n3\n4\n' >n2; comm -12 n1 n2; diff -u n1 n2 | tail -n +3; diff -u n1 n2 >change; patch n1 <change; cmp n1 n2; echo $?; strings -n 4 lines | head -n 1
seq 6 | xargs -n 2 -P 2 sh -c 'exit 0'; echo $?; seq 3 | xargs -I{} echo '<{}>'; echo a | tee t1 t2; cat t1 t2; truncate -s 10 t1; wc -c <t1; flock lock echo locked; which sh | sed 's,.*/,,'
timeout 0.1 sleep 100; echo $?; timeout 10 true; echo $?; nproc >/dev/null; env printf '%d\n' 7; install -m 711 words placed; stat -c %a placed; cut -d' ' -f2 words | sort -nr | head -n 1; uname -sm
"""

JOBS = r"""
(sleep 0.1; exit 3) & one=$!; (exit 4) & two=$!; wait $one; echo $?; wait $two; echo $?
sleep 1000 & pid=$!; until ps -o pid,comm | grep -q "^ *$pid sleep"; do :; done; ps -o pid,ppid,args | awk -v pid=$pid -v me=$$ '$1 == pid { print $2 == me, $3, $4 }'
tr '\0' ' ' </proc/$pid/cmdline; echo; cat /proc/$pid/comm; kill -0 $pid; echo $?; kill -STOP $pid; until grep 'State.*stopped' /proc/$pid/status; do :; done; kill -CONT $pid; kill $pid; wait $pid; echo "ended $?"; kill -0 $pid 2>/dev/null; echo $?
mkfifo ends; cat <ends & echo through a pipe >ends; wait; (trap 'echo term; exit 6' TERM; echo ready >told; while :; do sleep 0.05; done) & until [ -s told ]; do sleep 0.05; done; kill $!; wait $!; echo $?
for i in 1 2 3; do (sleep 0.0$i; echo $i >>order) & done; wait; sort order | tr '\n' ' '; echo; (sleep 1000 & echo $! >orphan; exec true); kill $(cat orphan); nohup sh -c 'echo up' 2>/dev/null; setsid sh -c 'echo own'
echo "by nc" >sent; nc -l -p $PORT -w 60 >got & until nc -w 60 127.0.0.1 $PORT <sent 2>/dev/null; do sleep 0.05; done; wait; cat got
mkdir www; seq 2000 >www/page; printf '#!/bin/sh\n' >www/none.sh; httpd -f -p 127.0.0.1:$OTHER -h www & server=$!; until wget -q -O page http://127.0.0.1:$OTHER/page 2>/dev/null; do sleep 0.05; done
cmp page www/page && echo the same page; wget -q -O - http://localhost:$OTHER/none 2>/dev/null; echo $?; wget -q -O - http://127.0.0.1:$OTHER/page | sha256sum | cut -c1-8; kill $server; wait $server; echo "ended $?"
yes | head -n 1; seq 100000 | tail -n 1; seq 100000 | head -n 1; jobs; ulimit -n 64; ulimit -n
"""


def applets():
    with open(os.path.join(BUILT, "applets"), encoding="ascii") as file:
        return file.read().split()


def need():
    for program in (LINKER, "/usr/bin/musl-gcc"):
        if not os.path.exists(program):
            raise unittest.SkipTest(program + " is not on this machine")


def build():
    os.makedirs(paths.IMAGES, exist_ok=True)
    with open(os.path.join(paths.IMAGES, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([BUILD, BUILT], check=True, env=dict(os.environ, CAISSON_CACHE=os.environ.get("CAISSON_CACHE") or os.path.join(paths.BUILD, "cache")))


def fill(root):
    """Alpine's folders, links and files. musl's libc is its linker, by two names."""
    build()
    for source, path in ((os.path.join(BUILT, "busybox"), "/bin/busybox"), (LINKER, LINKER)):
        with open(source, "rb") as file:
            root.write(path, file.read(), 0o755)
    os.symlink(os.path.basename(LINKER), root.path + "/lib/libc.musl-x86_64.so.1")
    for folder in ("dev", "home/worker", "proc", "root", "run", "sbin", "sys", "usr/bin", "usr/sbin", "var/log"):
        os.makedirs(os.path.join(root.path, folder), exist_ok=True)
    for name in applets():
        folder = "/usr/bin/" if name in USRBIN else "/bin/"
        os.symlink("/bin/busybox", root.path + folder + name)
    for path, data in FILES.items():
        root.write(path, data)


def of_root(info):
    info.uid = info.gid = 0
    return info


class Busybox(inside.Case):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        need()
        super().setUpClass()

    @classmethod
    def fill(cls, root):
        fill(root)
        cls.tools = cls.folder.name + "/tools"  # links that lead to it outside, too
        os.mkdir(cls.tools)
        for name in applets():
            os.symlink(os.path.join(BUILT, "busybox"), os.path.join(cls.tools, name))

    @staticmethod
    def errors(result):
        """The shell says of a job that was killed that it was, or not: by when it hears of it."""
        return [line for line in result.stderr.splitlines() if not line.startswith(b"libos: ") and line != b"Terminated"]

    def both(self, script):
        """What the shell says of it outside, and inside."""
        words = f"mkdir -p $1 && cd $1 || exit 99; PORT=$2 OTHER=$3; {script}"
        folder = os.path.join(self.folder.name, self.id().rsplit(".", 1)[1])
        outside = subprocess.run([self.tools + "/sh", "-c", words, "sh", folder, str(free_port()), str(free_port())], input=b"", timeout=120, check=False,
                                 capture_output=True, env={"LANG": "C", "PATH": self.tools})  # fmt: skip
        result = self.inside("/bin/sh", "-c", words, "sh", "/tmp/work", str(free_port()), str(free_port()), timeout=240)
        self.assertEqual(result.stdout.decode(), outside.stdout.decode(), result.stderr)
        self.assertEqual(result.returncode, outside.returncode)
        self.assertEqual(self.errors(result), self.errors(outside))
        return result

    def test_the_program_is_of_musl_alone(self):
        with open(os.path.join(BUILT, "busybox"), "rb") as file:
            data = file.read()
        self.assertIn(LINKER.encode(), data)
        self.assertNotIn(b"GLIBC_", data)
        self.assertGreater(len(applets()), 120)

    def test_its_shell(self):
        result = self.both(SHELL)
        self.assertEqual(result.returncode, 6)
        self.assertIn(b"DEEP DEEPER DEEPEST\n", result.stdout)
        self.assertTrue(result.stdout.endswith(b"got usr1\nthe end 6\n"), result.stdout)

    def test_its_tools(self):
        result = self.both(TOOLS)
        self.assertIn(b"97 87 79 \n2 6 3\n", result.stdout)

    def test_its_jobs_and_the_loopback(self):
        result = self.both(JOBS)
        self.assertIn(b"by nc\nthe same page\n", result.stdout)


class Image(EnclaveCase):
    """The same as an image that the command line runs, without anything made of it for enclaves."""

    @classmethod
    def setUpClass(cls):
        need()
        super().setUpClass()
        root = inside.Root(cls.made + "/root")
        fill(root)
        with tarfile.open(cls.made + "/tar", "w") as tar:
            tar.add(root.path, ".", filter=of_root)
        cls.oci = make_image(cls.made + "/tar", cls.made + "/layout")

    def test_runs_as_an_image(self):
        script = ". /etc/profile; id; whoami; echo ~; hostname; ls -l /lib | awk 'NR > 2 { print $NF }'; ps -o pid,comm | sort -n | sed -n 2p; exit 9"
        result = self.run_it("/bin/sh", "-c", script, options=("-u", "worker", "--hostname", "small"), check=False)
        self.assertEqual((result.returncode, result.stdout.decode().splitlines()),
                         (9, ["uid=1000(worker) gid=1000(worker)", "worker", "/home/worker", "small", "ld-musl-x86_64.so.1", "    1 sh"]))  # fmt: skip

    def test_its_shell_reads_what_is_given(self):
        result = self.run_it("/bin/sh", options=("-i",), data=b"echo a line |\nsed s/a/the/\nexit 4\n", check=False)
        self.assertEqual((result.returncode, result.stdout), (4, b"the line\n"))


if __name__ == "__main__":
    tap.main()
