#!/usr/bin/python3
"""Real programs from Debian's packages, unchanged, run by `caisson run`."""
import concurrent.futures
import hashlib
import socket
import subprocess
import urllib.request

from lib import tap
from lib.cli import CliCase
from lib.ports import free_port

CONFINED = ["--security-opt", "seccomp=default"]

PYTHON = r"""
import socket, ssl, subprocess, sys, threading, queue, hashlib
# Threads.
work, done = queue.Queue(), []
def worker():
    while (item := work.get()) is not None:
        done.append(hashlib.sha256(b"%d" % item).hexdigest())
threads = [threading.Thread(target=worker) for _ in range(8)]
for thread in threads: thread.start()
for item in range(200): work.put(item)
for _ in threads: work.put(None)
for thread in threads: thread.join()
assert len(set(done)) == 200
print("threads")
# Subprocesses.
children = [subprocess.Popen([sys.executable, "-c", f"print({number} * {number})"], stdout=subprocess.PIPE) for number in range(4)]
assert [int(child.communicate()[0]) for child in children] == [0, 1, 4, 9]
assert subprocess.run(["/bin/sh", "-c", "exit 3"]).returncode == 3
print("subprocesses")
# TLS, both ends.
folder = "/etc/ssl/test"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/certificate.pem", folder + "/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        connection.sendall(connection.recv(1000)[::-1])
server = threading.Thread(target=serve); server.start()
trust = ssl.create_default_context(cafile=folder + "/certificate.pem")
with trust.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname="localhost") as connection:
    connection.sendall(b"drawer")
    assert connection.recv(1000) == b"reward" and connection.version() == "TLSv1.3"
server.join()
print("tls")
"""

UDP = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 5353))
while True:
    data, peer = server.recvfrom(2000)
    server.sendto(data.upper(), peer)
"""

BASH = r"""
set -eu
printf '%s\n' {1..1000} | sort -rn | head -n 3 | tr '\n' ' '; echo
[[ $(cat <(seq 3)) == $'1\n2\n3' ]] && echo same
coproc CAT { cat; }
echo through >&"${CAT[1]}"; read -r answer <&"${CAT[0]}"; echo "$answer"
pid=$CAT_PID; exec {CAT[1]}>&-; wait "$pid"
set -m
sleep 100 & sleep 100 &
jobs | wc -l
kill -STOP %1; sleep 0.2; jobs | grep -c Stopped
kill %1 %2; wait || true
(exit 4) & wait $! || echo "code $?"
trap 'echo trapped' USR1; kill -USR1 $$
true | false | true && echo "${PIPESTATUS[*]}"
cat <<END | while read -r word; do echo "<$word>"; done
here
END
exec 3<>/tmp/file; echo content >&3; exec 3>&-; cat /tmp/file
"""
BASH_OUTPUT = "1000 999 998 \nsame\nthrough\n2\n1\ncode 4\ntrapped\n0 1 0\n<here>\ncontent\n"

POSTGRESQL = r"""
set -eu
PATH=/usr/lib/postgresql/15/bin:$PATH; export PGDATA=/var/lib/postgresql/data LC_ALL=C
initdb --no-sync --auth=trust >/tmp/initdb 2>&1 || { cat /tmp/initdb; exit 1; }
pg_ctl -w -t 120 -l /tmp/log -o '-c fsync=off -c shared_buffers=16MB -k /tmp -h ""' start >/dev/null || { cat /tmp/log; exit 1; }
psql -h /tmp -qAt postgres <<'END'
create table t (id serial primary key, name text, value numeric);
insert into t (name, value) select 'row ' || n, n * 1.5 from generate_series(1, 10000) n;
create index on t (value);
select count(*), sum(value) from t;
select name from t where value = 1500;
begin; delete from t; rollback;
select count(*) from t;
END
pg_ctl -w -m fast stop >/dev/null
echo stopped
"""

LAYERS = r"""
cd /data
cat kept last removed; ls; ls opaque; cat opaque/*; stat -c %a opaque; cat layer-02
"""


class Programs(CliCase):
    def test_a_udp_port_is_published(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect(("192.0.2.1", 9))  # sends nothing: which address would be its source?
            except OSError as error:
                self.skipTest(f"no address but the loopback's: {error}")
            address = sock.getsockname()[0]
        port = free_port()
        self.start_image("python", "/usr/bin/python3", "-c", UDP, options=["-p", f"{address}:{port}:5353/udp"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect((address, port))

            def answer():
                try:
                    sock.send(b"ping")
                    return sock.recv(100)
                except OSError:
                    return None
            self.assertEqual(self.eventually(answer, what="answer"), b"PING")

    def test_redis_under_its_benchmark(self):
        port = free_port()
        self.start_image("redis", options=["-p", f"127.0.0.1:{port}:6379", "-m", "256m", *CONFINED])

        def redis(*words):
            return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=60,
                                  check=False).stdout.strip()

        self.eventually(lambda: redis("ping") == "PONG", what="answer to PING")
        self.assertEqual(redis("set", "key", "value with spaces"), "OK")
        self.assertEqual(redis("get", "key"), "value with spaces")
        result = subprocess.run(["redis-benchmark", "-p", str(port), "-q", "-c", "20", "-n", "2000", "-t",
                                 "ping,set,get,incr,lpush,lrange_100"], capture_output=True, text=True, timeout=240,
                                check=True)
        self.assertIn("requests per second", result.stdout)
        self.assertNotIn("rror", result.stdout + result.stderr)
        self.assertEqual(redis("get", "counter:__rand_int__"), "2000")
        self.assertEqual(redis("get", "key"), "value with spaces")

    def test_nginx_serves_parallel_clients(self):
        port = free_port()
        self.start_image("nginx", options=["-p", f"127.0.0.1:{port}:80", *CONFINED])

        def fetch(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
                return answer.read()

        def is_up():
            try:
                return fetch("index.html") == b"hello from nginx\n"
            except OSError:
                return False

        self.eventually(is_up, what="answer")
        expected = hashlib.sha256(b"0123456789abcdef" * 65536).digest()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for body in pool.map(fetch, ["1m"] * 48):
                self.assertEqual(hashlib.sha256(body).digest(), expected)

    def test_python_with_threads_subprocesses_and_tls(self):
        result = self.run_image("python", "python3", "-c", PYTHON, options=CONFINED, timeout=240)
        self.assertEqual(result.stdout, b"threads\nsubprocesses\ntls\n")

    def test_bash_with_pipes_and_job_control(self):
        result = self.run_image("bash", "bash", "-c", BASH, options=CONFINED)
        self.assertEqual(result.stdout.decode(), BASH_OUTPUT)

    def test_postgresql(self):
        result = self.run_image("postgresql", "bash", "-c", POSTGRESQL, options=["-m", "768m", *CONFINED], timeout=300)
        self.assertEqual(result.stdout.decode(), "10000|75007500.0\nrow 1000\n10000\nstopped\n")

    def test_an_image_of_many_layers(self):
        result = self.run_image("layers", "/bin/sh", "-c", LAYERS)
        names = [f"layer-{number:02}" for number in range(2, 21) if number != 5]
        expected = ["from layer 1", "end", "back again", "kept", "last", *names, "opaque", "removed", "new", "seen",
                    "750", "2"]
        self.assertEqual(result.stdout.decode().splitlines(), expected)

    def test_an_image_of_more_layers_than_a_bus_has_slots(self):
        result = self.run_image("tower", "/bin/sh", "-c", "cat /floor-*")
        self.assertEqual(sorted(map(int, result.stdout.split())), list(range(1, 35)))

    def test_the_machine_reaches_the_host_by_ports_that_are_published_only(self):
        """A port that is not published is closed; what is published answers on the address that was named."""
        port, other = free_port(), free_port()
        self.start_image("busybox", "/bin/sh", "-c", f"mkdir /w; echo hello > /w/x; httpd -p {other} -h /w; exec httpd -f -p 80 -h /w",
                         options=["-p", f"127.0.0.1:{port}:80"])

        def answer():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/x", timeout=5) as reply:
                    return reply.read() == b"hello\n"
            except OSError:
                return False

        self.eventually(answer, what="answer")
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", other), 2)


if __name__ == "__main__":
    tap.main()
