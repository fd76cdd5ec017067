#!/usr/bin/python3
"""Programs that people run, each of one process, in an enclave of the model: databases, TLS, interpreters."""
from lib import inside, tap
from lib.inside import free_port, run


class Programs(inside.Case):
    PROGRAMS = ("/usr/bin/sqlite3", "/usr/bin/openssl", "/usr/bin/perl", "/usr/bin/redis-server", "/usr/bin/busybox")

    @classmethod
    def fill(cls, root):
        root.add_certificate()

    def test_sqlite_keeps_a_database_in_a_file(self):
        self.need("/usr/bin/sqlite3")
        words = b"""create table t(a integer primary key, b text unique);
            with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t(b) select 'row ' || i from n;
            begin; delete from t where a % 2; rollback; update t set b = b || '!' where a < 100;
            insert into t(b) values ('row 4000');
            select count(*), max(a), min(b) from t; pragma integrity_check;\n"""
        outside = run("/usr/bin/sqlite3", self.folder.name + "/database", data=words)
        result = self.inside("/usr/bin/sqlite3", "/tmp/database", data=words)
        self.assertEqual((result.returncode, result.stdout), (outside.returncode, outside.stdout), result.stderr)
        self.assertIn(b"5000|5000|row 1!\nok\n", result.stdout)
        self.assertIn(b"UNIQUE constraint failed: t.b", result.stderr)

    def test_openssl_measures_and_computes(self):
        self.need("/usr/bin/openssl")
        speed = self.inside("/usr/bin/openssl", "speed", "-seconds", "1", "-bytes", "1024", "-evp", "sha256")
        self.assertRegex(speed.stdout, rb"sha256 +[1-9][0-9.]+k")
        data = b"some bytes\n" * 10000
        self.assertEqual(self.inside("/usr/bin/openssl", "sha512", data=data).stdout, run("/usr/bin/openssl", "sha512", data=data).stdout)

    def test_openssl_serves_and_asks_by_tls(self):
        self.need("/usr/bin/openssl")
        port = str(free_port())
        server = self.start("/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:" + port, "-cert", "/etc/ssl/cert.pem", "-key", "/etc/ssl/key.pem", "-naccept", "1")
        self.wait_for(server, b"ACCEPT")
        client = self.inside("/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:" + port, "-CAfile", "/etc/ssl/cert.pem", "-verify_return_error", data=b"a line over TLS\n")
        self.assertIn(b"Verify return code: 0 (ok)", client.stdout)
        self.assertIn(b"TLSv1.3", client.stdout)
        self.wait_for(server, b"a line over TLS")

    def test_perl_answers_as_outside(self):
        self.need("/usr/bin/perl")
        words = (r'my %h = map { $_ => $_ ** 2 } 1 .. 1000; my $s = 0; $s += $_ for values %h; print "$s\n"; $_ = "aXbXc"; print join(",", reverse split /X/), "\n";'
                 r' pipe(R, W); syswrite W, "x" x 5000; sysread R, $b, 9999; print length $b, "\n"; $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 5;'
                 r' print sprintf("%.3f %s\n", exp(1), join " ", map { ord } sort { $b cmp $a } qw(b a c)); exit 7')  # fmt: skip
        outside, result = run("/usr/bin/perl", "-e", words), self.inside("/usr/bin/perl", "-e", words)
        self.assertEqual((result.returncode, result.stdout), (7, outside.stdout))

    def test_busybox_is_static(self):
        self.need("/usr/bin/busybox")
        data = b"b 2\na 1\n" * 1000
        for command in (("sort", "-u"), ("awk", "{ s += $2 } END { print s }"), ("md5sum",), ("sed", "s/a/x/"), ("wc",), ("sh", "-c", "read x y; echo $((y * 21)) $x; exit 4")):
            outside = run("/usr/bin/busybox", *command, data=data)
            result = self.inside("/usr/bin/busybox", *command, data=data)
            self.assertEqual((result.returncode, result.stdout), (outside.returncode, outside.stdout), command)

    def test_redis_answers_a_benchmark(self):
        self.need("/usr/bin/redis-server")
        port = str(free_port())
        server = self.start("/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp")
        self.wait_for(server, b"Ready to accept connections")
        told = run("/usr/bin/redis-benchmark", "-p", port, "-n", "2000", "-c", "8", "-q", "-t", "set,get,lpush,incr")
        self.assertEqual(told.returncode, 0, told.stderr)
        for name in (b"SET", b"GET", b"LPUSH", b"INCR"):
            self.assertRegex(told.stdout, name + rb": [0-9.]+ requests per second")
        self.assertEqual(run("/usr/bin/redis-cli", "-p", port, "dbsize").stdout, b"3\n")
        run("/usr/bin/redis-cli", "-p", port, "shutdown", "nosave")
        self.assertEqual(server.wait(30), 0)


if __name__ == "__main__":
    tap.main()
