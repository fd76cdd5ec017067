#!/usr/bin/python3
"""Languages and their tools in enclaves of the model, each as outside: bash with what it calls, python with numpy, Go, musl's libc."""
import os

from lib import inside, tap
from lib.inside import run

TOOLS = ("awk bash cat chmod comm cp cut date diff echo expr factor find grep gzip head ln mkdir mkfifo mv paste readlink rm sed seq sh sha256sum sleep sort stat tail tar tee "
         "test touch tr true uniq wc xargs xz zstd").split()  # fmt: skip

PIPELINES = rb"""
set -o pipefail
mkdir -p "$1/a/b"
cd "$1" || exit 9
for i in {1..30}; do echo "line $i of many"; done | tee a/all | grep -c 1
for i in {1..12}; do echo "line $i" >a/f$i; done
find a -type f -name 'f1*' | sort | while read -r name; do cat "$name"; done | sed 's/line/LINE/' | awk '{ s += $2 } END { print s, NR }'
tar -cf - a | gzip -n | gzip -d | tar -tf - | sort | wc -l
find a -name 'f1*' -print0 | sort -z | xargs -0 -n 2 sha256sum; echo a b c | xargs -I{} echo '<{}>'; seq 6 | xargs -P 2 -n 3 true; echo $?
tar -czf all.tgz a && mkdir out && tar -C out -xzf all.tgz && diff -r a out/a && echo the same
cut -d' ' -f2 a/all | sort -n | tail -3 | paste -sd,
comm -12 <(seq 5) <(seq 3 9) | tr '\n' ,; head -c 100000 /dev/zero | sha256sum
mv a/f1 a/g1 && cp -a a c && rm -r a && chmod 600 c/g1 && ln -s c d && readlink d && stat -c '%a %s %F' c/g1
xz -c c/all | xz -d | uniq -c | wc -l; zstd -qc c/all | zstd -qdc | wc -c; date -u -d @0 +%F; expr 6 \* 7; factor 91
(exit 3); echo $?; false | true; echo $?; test -e none || echo none
trap 'echo trapped' USR1; kill -USR1 $$; coproc cat; echo back >&"${COPROC[1]}"; read -r y <&"${COPROC[0]}"; echo "$y"
tr a-z A-Z <<'X'
a heredoc
X
exit 5
"""

JOBS = r"""
set -m
sleep 100 & sleep 100 &
until_is() { until jobs -$1 >"$0"; [ "$(wc -l <"$0")" = $2 ]; do sleep 0.02; done; echo "$1 $2"; }
until_is r 2; kill -STOP %1; until_is s 1
kill -TSTP %2; until_is s 2; kill -CONT %1; until_is r 1
kill -TERM %2; kill -CONT %2; wait %2; echo "ended $?"
kill -STOP %1; until_is s 1; kill -KILL %1; until_is s 0
(kill -STOP $BASHPID; echo goes on) & pid=$!; wait $pid; echo "stopped $?"; kill -CONT $pid; until_is s 0; until_is r 0
"""

# What is behind tail writes when tail has said so: by inotify, as tail does where it can.
FOLLOWED = r"""
cd "$0" && echo one >log && mkfifo said
tail -n 1 -f log >said & pid=$!
exec 3<said; for next in two three; do read -r line <&3; echo "$line"; echo $next >>log; done
read -r line <&3; echo "$line"; mv log old; echo four >>old; read -r line <&3; echo "$line"
kill $pid; wait $pid; echo "ended $?"
"""

ASYNC = rb"""
import asyncio, os, select, signal, sys
asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
async def one(n):
    child = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"read x; echo $x {n}; exit {n}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate(b"said")
    return out, child.returncode
async def all():
    print(await asyncio.gather(*map(one, range(6))))
    child = await asyncio.create_subprocess_exec("/usr/bin/sleep", "1000")
    child.terminate()
    print(await child.wait())
asyncio.run(all())
pid = os.fork()
if pid == 0:
    signal.pause()
fd = os.pidfd_open(pid)
print(select.select([fd], [], [], 0)[0])
signal.pidfd_send_signal(fd, signal.SIGKILL)
print(select.select([fd], [], [], 60)[0] == [fd], os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status)
"""

PYTHON = rb"""
import concurrent.futures, hashlib, socket, ssl, subprocess, sys, threading
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    print(sum(pool.map(lambda n: int(hashlib.sha256(bytes(n)).hexdigest()[:4], 16), range(500))))
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    with context.wrap_socket(listener.accept()[0], server_side=True) as one:
        one.sendall(one.recv(100).upper())
thread = threading.Thread(target=serve)
thread.start()
client = ssl.create_default_context(cafile=sys.argv[1] + "/cert.pem")
with client.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname="localhost") as one:
    one.sendall(b"over tls")
    print(one.recv(100), one.version())
thread.join()
print(subprocess.run(["sort", "-r"], input=b"1\n2\n3\n", capture_output=True, check=True).stdout)
print(subprocess.run("echo $((6 * 7)); exit 3", shell=True, stdout=subprocess.PIPE))
"""

PROCESSES = rb"""
import multiprocessing, os, sqlite3, sys
from multiprocessing import shared_memory
def square(n):
    return n * n
def count(lock, value, queue, name):
    for _ in range(50):
        with lock:
            value.value += 1
    one = shared_memory.SharedMemory(name)
    queue.put(bytes(one.buf[:5]))
    one.close()
def insert(path, first):
    database = sqlite3.connect(path, timeout=60)
    for i in range(20):
        with database:
            database.execute("insert into t values (?)", (first + i,))
    database.close()
def run(target, arguments):
    started = [multiprocessing.Process(target=target, args=one) for one in arguments]
    for one in started:
        one.start()
    for one in started:
        one.join()
    return [one.exitcode for one in started]
multiprocessing.set_start_method("fork")
with multiprocessing.Pool(2) as pool:
    print(sum(pool.map(square, range(100))))
lock, value, queue = multiprocessing.Lock(), multiprocessing.Value("i", 0, lock=False), multiprocessing.Queue()
block = shared_memory.SharedMemory(create=True, size=100)
block.buf[:5] = b"given"
print(run(count, [(lock, value, queue, block.name)] * 2), value.value, queue.get(), queue.get())
block.close()
block.unlink()
path = sys.argv[1]
database = sqlite3.connect(path)
print(database.execute("pragma journal_mode=wal").fetchone())
database.executescript("drop table if exists t; create table t(a integer primary key)")
print(run(insert, [(path, 0), (path, 100)]), database.execute("select count(*), sum(a) from t").fetchone())
"""

NUMPY = rb"""
import numpy
a = numpy.arange(90000, dtype=float).reshape(300, 300) % 17 + numpy.eye(300) * 1000
print(numpy.abs(numpy.linalg.inv(a) @ a - numpy.eye(300)).max() < 1e-9, int((a @ a).sum()), numpy.linalg.matrix_rank(a))
big = numpy.zeros(20_000_000)
big[::4096] = 1
print(big.sum(), numpy.fft.fft(numpy.ones(4096))[0].real, numpy.sort(numpy.arange(100000)[::-1])[:3])
"""

GO = rb"""package main

import ("fmt"; "io"; "net"; "net/http"; "os"; "os/exec"; "runtime"; "sync"; "time")

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	var group sync.WaitGroup
	results := make(chan int, 100)
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			all := [][]byte{}
			for j := 0; j < 200; j++ {
				all = append(all, make([]byte, 4096))
			}
			time.Sleep(time.Millisecond)
			results <- n + len(all)
		}(i)
	}
	group.Wait()
	close(results)
	total := 0
	for n := range results {
		total += n
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println(total, stats.NumGC > 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "asked for ", r.URL.Path) }))
	for i := 0; i < 20; i++ {
		answer, err := http.Get(fmt.Sprintf("http://%s/%d", listener.Addr(), i))
		check(err)
		body, err := io.ReadAll(answer.Body)
		check(err)
		answer.Body.Close()
		fmt.Println(string(body))
	}
	said, err := exec.Command("/bin/sh", "-c", "echo said by a child; exit 4").Output()
	fmt.Print(string(said), err, "\n")
}
"""

MUSL = rb"""#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;
static void *work(void *argument)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        count++;
        pthread_mutex_unlock(&lock);
    }
    return argument;
}
int main(void)
{
    pthread_t threads[4];
    char line[64] = "";
    int status = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(execl("/bin/sh", "sh", "-c", "exit 6", (char *)NULL));
    waitpid(child, &status, 0);
    FILE *said = popen("echo from a child", "r");
    if (!said || !fgets(line, sizeof line, said) || pclose(said) != 0)
        return 1;
    printf("%d %d %s", count, WEXITSTATUS(status), line);
    return 7;
}
"""


class Languages(inside.Case):
    PROGRAMS = ("/bin/sh", "/usr/bin/python3.11", *(f"/usr/bin/{name}" for name in TOOLS))

    @classmethod
    def fill(cls, root):
        root.add_certificate()
        root.write("/etc/hosts", b"127.0.0.1 localhost\n")
        root.write("/pipelines", PIPELINES)
        root.add_tree("/usr/lib/python3.11", ("__pycache__", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "test"))
        if os.path.exists("/usr/lib/python3/dist-packages/numpy"):
            root.add_tree("/usr/lib/python3/dist-packages/numpy", ("__pycache__", "tests", "f2py", "distutils"))
        cls.go = cls.make_go(root)
        cls.musl = cls.make("musl", MUSL, "/usr/bin/musl-gcc", "-O2", "-x", "c")
        if cls.musl:
            root.add(cls.musl)
            root.add("/lib/ld-musl-x86_64.so.1")
        # At a fixed address, and static where it is put: musl's wrapper has no -static-pie.
        musl = "/usr/lib/x86_64-linux-musl/"
        pie = ("-nostartfiles", "-Wl,-pie,--no-dynamic-linker", "-fPIE", musl + "rcrt1.o", musl + "crti.o", musl + "crtn.o")
        static = [cls.make("musl-static", MUSL, "/usr/bin/musl-gcc", "-static", "-O2", "-x", "c")]
        if os.path.exists(musl + "rcrt1.o"):
            static.append(cls.make("musl-static-pie", MUSL, "/usr/bin/musl-gcc", "-static", *pie, "-O2", "-x", "c"))
        cls.musl_static = [program for program in static if program]
        for program in cls.musl_static:
            root.add(program)

    @classmethod
    def make(cls, name, source, *command):
        """A program of this source; None where what makes it is not there."""
        program, text = f"{cls.folder.name}/{name}", f"{cls.folder.name}/{name}.source"
        if not os.path.exists(command[0]):
            return None
        with open(text, "wb") as file:
            file.write(source)
        made = run(*command, "-o", program, text)
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        return program

    @classmethod
    def make_go(cls, root):
        """A static program; Go's cache stays in the test's folder."""
        if not os.path.exists("/usr/bin/go"):
            return None
        root.write("/go.go", GO)
        env = [f"GOCACHE={cls.folder.name}/cache", "CGO_ENABLED=0", "GO111MODULE=off", "GOTOOLCHAIN=local", "GOFLAGS=", "HOME=" + cls.folder.name]
        made = run("/usr/bin/env", *env, "/usr/bin/go", "build", "-o", cls.folder.name + "/go", root.path + "/go.go", timeout=200)
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        root.add(cls.folder.name + "/go")
        return cls.folder.name + "/go"

    def test_bash_and_what_it_calls(self):
        folder = self.folder.name + "/pipelines"
        outside = run("/usr/bin/bash", self.root.path + "/pipelines", folder)
        result = self.inside("/usr/bin/bash", "/pipelines", "/tmp/work", timeout=200)
        self.assertEqual((result.returncode, result.stdout), (5, outside.stdout), result.stderr)
        self.assertIn(b"91: 7 13\n", result.stdout)

    def test_bash_has_forty_jobs_at_once(self):
        """Each in an enclave of its own; all are there until they are killed."""
        result = self.inside("/usr/bin/bash", "-c", "for ((i = 0; i < 40; i++)); do sleep 1000 & done; kill $(jobs -p); wait; echo $i jobs", timeout=200)
        self.assertEqual((result.returncode, result.stdout), (0, b"40 jobs\n"), result.stderr)

    def test_bash_controls_jobs(self):
        outside = run("/usr/bin/bash", "-c", JOBS, self.folder.name + "/jobs")
        result = self.inside("/usr/bin/bash", "-c", JOBS, "/tmp/jobs")
        self.assertEqual((result.returncode, sorted(result.stdout.splitlines())), (0, sorted(outside.stdout.splitlines())), result.stderr)
        self.assertIn(b"stopped 147\n", result.stdout)

    def test_tail_follows_what_is_written(self):
        os.mkdir(self.folder.name + "/followed")
        outside = run("/usr/bin/bash", "-c", FOLLOWED, self.folder.name + "/followed")
        result = self.inside("/usr/bin/bash", "-c", FOLLOWED, "/tmp")
        self.assertEqual((result.returncode, result.stdout), (0, b"one\ntwo\nthree\nfour\nended 143\n"), result.stderr)
        self.assertEqual(outside.stdout, result.stdout)

    def test_python_waits_for_children_by_descriptors(self):
        self.need("/usr/bin/python3.11")
        outside = run("/usr/bin/python3.11", "-", data=ASYNC)
        result = self.inside("/usr/bin/python3.11", "-", data=ASYNC)
        self.assertEqual((result.returncode, result.stdout), (0, outside.stdout), result.stderr)
        self.assertIn(b"(b'said 5\\n', 5)]\n-15\n[]\nTrue 9\n", result.stdout)

    def test_python_has_threads_tls_and_children(self):
        self.need("/usr/bin/python3.11")
        outside = run("/usr/bin/python3.11", "-", self.root.path + "/etc/ssl", data=PYTHON)
        result = self.inside("/usr/bin/python3.11", "-", "/etc/ssl", data=PYTHON)
        self.assertEqual((result.returncode, result.stdout), (0, outside.stdout), result.stderr)
        self.assertIn(b"b'OVER TLS' TLSv1.3\n", result.stdout)

    def test_python_shares_memory_with_its_processes(self):
        self.need("/usr/bin/python3.11")
        outside = run("/usr/bin/python3.11", "-", self.folder.name + "/wal", data=PROCESSES)
        result = self.inside("/usr/bin/python3.11", "-", "/tmp/wal", data=PROCESSES)
        self.assertEqual((result.returncode, result.stdout), (0, outside.stdout), result.stderr)
        self.assertIn(b"[0, 0] (40, 2380)\n", result.stdout)

    def test_numpy_computes_in_threads(self):
        self.need("/usr/bin/python3.11", "/usr/lib/python3/dist-packages/numpy")
        self.assertEqual(self.same("/usr/bin/python3.11", "-", data=NUMPY).returncode, 0)

    def test_python_is_told_when_there_is_no_memory(self):
        self.need("/usr/bin/python3.11")
        result = self.inside("/usr/bin/python3.11", "-c", "try: bytearray(3 << 30)\nexcept MemoryError: print('none')")
        self.assertEqual((result.returncode, result.stdout), (0, b"none\n"), result.stderr)

    def test_a_static_program_of_go(self):
        self.need("/usr/bin/go")
        result = self.same(self.go)
        self.assertIn(b"24950 true\nasked for /0\n", result.stdout)
        self.assertIn(b"asked for /19\nsaid by a child\nexit status 4\n", result.stdout)

    def test_programs_of_musl(self):
        self.need("/usr/bin/musl-gcc", "/lib/ld-musl-x86_64.so.1")
        result = self.same(self.musl)
        self.assertEqual((result.returncode, result.stdout), (7, b"4000 6 from a child\n"))

    def test_static_programs_of_musl(self):
        self.need("/usr/bin/musl-gcc")
        for program, kind in zip(self.musl_static, (2, 3)):  # ET_EXEC, ET_DYN
            with open(program, "rb") as file:
                data = file.read()
            self.assertEqual((data[16], b"ld-musl" in data), (kind, False))
            result = self.same(program)
            self.assertEqual((result.returncode, result.stdout), (7, b"4000 6 from a child\n"), program)


if __name__ == "__main__":
    tap.main()
