#!/usr/bin/python3
"""postgresql of Debian, unmodified, in enclaves of the model: a cluster is made, serves over both kinds of sockets, stops and starts again."""
import os
import subprocess

from lib import inside, tap
from lib.inside import ENVIRONMENT, free_port, run

BIN = "/usr/lib/postgresql/15/bin/"
SHARE = "/usr/share/postgresql/15"
CLIENTS, ROWS = 3, 300

# Its tables and the log of what is written lie in the enclave's memory, and so are kept small.
SCRIPT = r"""
set -eu
PATH=%(bin)s:$PATH; export PGDATA=/tmp/data
initdb --no-sync --no-instructions --auth=trust --wal-segsize=1 >/tmp/initdb 2>&1 || { cat /tmp/initdb; exit 1; }
cat >>$PGDATA/postgresql.conf <<END
fsync = off
log_line_prefix = ''
shared_buffers = 4MB
max_connections = 10
min_wal_size = 2MB
max_wal_size = 4MB
unix_socket_directories = '/tmp'
listen_addresses = '127.0.0.1'
port = %(port)d
END
start() { pg_ctl -w -t 120 -l /tmp/log start >/tmp/started || { cat /tmp/log; exit 1; }; }
ask() { psql -h /tmp -p %(port)d -qAt postgres "$@"; }
start
ask -f /make.sql
echo serves; read go
ask -c checkpoint -c 'select who, count(*), sum(value) from t group by who order by who'
pg_ctl -w -t 120 -m fast stop >/tmp/stopped
start
ask -c 'select count(*), sum(value) from t' -c "select value from t where who = 'first' and value = 1500"
pg_ctl -w -t 120 -m fast stop >/tmp/stopped
while read -r line; do case $line in *PANIC*|*FATAL*|*'not properly shut down'*) echo "$line";; esac; done </tmp/log
echo the end
"""
MAKE = b"""create table t (id serial primary key, who text, value numeric);
insert into t (who, value) select 'first', n * 1.5 from generate_series(1, 4000) n;
create index on t (value);
begin; delete from t; rollback;
"""


class Postgresql(inside.Case):
    PROGRAMS = (BIN + "postgres", BIN + "initdb", BIN + "pg_ctl", BIN + "psql", "/bin/sh", "/bin/cat")

    @classmethod
    def fill(cls, root):
        cls.port = free_port()
        os.chmod(root.path + "/tmp", 0o1777)
        root.write("/etc/passwd", b"root:x:0:0::/:/bin/sh\npostgres:x:102:102::/tmp:/bin/sh\n")
        root.write("/etc/group", b"root:x:0:\npostgres:x:102:\n")
        root.write("/make.sql", MAKE)
        if cls.there and os.path.exists(SHARE):
            root.add_tree(SHARE, without=("man", "extension", "contrib"))
            for name in ("plpgsql.control", "plpgsql--1.0.sql"):
                with open(f"{SHARE}/extension/{name}", "rb") as file:
                    root.write(f"{SHARE}/extension/{name}", file.read())
            for name in ("plpgsql", "dict_snowball"):
                root.add(f"/usr/lib/postgresql/15/lib/{name}.so")

    def client(self, number):
        """Over TCP, from outside: each writes and reads by itself."""
        words = (f"insert into t (who, value) select 'client {number}', n from generate_series(1, {ROWS}) n",
                 f"begin; update t set value = value + 1 where who = 'client {number}'; commit",
                 f"select count(*) from t where who = 'client {number}' and value > 1")  # fmt: skip
        return subprocess.Popen([BIN + "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt", "postgres", *sum((["-c", word] for word in words), [])],
                                env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def test_it_serves_stops_and_starts_again(self):
        self.need(*self.PROGRAMS[:4])
        script = SCRIPT % {"bin": BIN, "port": self.port}
        server = self.start("/bin/sh", "-c", script, options=("--user", "postgres"))
        self.wait_for(server, b"serves\n")
        clients = [self.client(number) for number in range(CLIENTS)]
        for client in clients:
            said, _ = client.communicate(timeout=120)
            self.assertEqual((client.returncode, said), (0, b"%d\n" % ROWS))
        refused = run(BIN + "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt", "nowhere", "-c", "select 1")
        self.assertEqual((refused.returncode, refused.stdout), (2, b""))
        self.assertIn(b'database "nowhere" does not exist', refused.stderr)
        server.stdin.write(b"\n")
        server.stdin.flush()
        total = sum(n + 1 for n in range(1, ROWS + 1))
        rows = [b"client %d|%d|%d" % (number, ROWS, total) for number in range(CLIENTS)] + [b"first|4000|12003000.0"]
        said = server.stdout.read().splitlines()
        expected = rows + [b"%d|%d.0" % (4000 + CLIENTS * ROWS, 12003000 + CLIENTS * total), b"1500.0"]
        self.assertEqual(said, expected + [b'FATAL:  database "nowhere" does not exist', b"the end"])
        self.assertEqual(server.wait(60), 0)


if __name__ == "__main__":
    tap.main()
