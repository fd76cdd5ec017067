#!/usr/bin/python3
"""Servers of several processes in enclaves of the model: redis that saves, nginx with workers; and curl, which asks."""
import re
import signal
import subprocess

from lib import inside, tap
from lib.inside import free_port, run

NGINX = """worker_processes 2;
user www-data;
daemon %s;
pid /tmp/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 128; }
http {
  access_log /tmp/access.log;
  sendfile on;
  keepalive_requests 1000000;
  client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
  server { listen 127.0.0.1:%d%s; root /srv; location = /worker { return 200 "$pid"; } }
}
"""
# What two workers share: who has come, what was kept, whose turn it is, and sessions of TLS.
ZONES = """worker_processes 2;
user www-data;
daemon off;
pid /tmp/zones.pid;
error_log /dev/stderr notice;
events { worker_connections 128; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
  limit_req_zone $request_uri zone=once:256k rate=1r/m;
  proxy_cache_path /tmp/cache keys_zone=kept:256k;
  ssl_session_cache shared:sessions:256k; ssl_session_tickets off; ssl_protocols TLSv1.2;
  upstream behind { zone behind 64k; server 127.0.0.1:%(one)d; server 127.0.0.1:%(other)d; }
  server { listen 127.0.0.1:%(one)d; location / { return 200 "one"; } }
  server { listen 127.0.0.1:%(other)d; location / { return 200 "other"; } }
  server {
    listen 127.0.0.1:%(port)d backlog=64; listen 127.0.0.1:%(tls)d ssl;
    ssl_certificate /etc/ssl/cert.pem; ssl_certificate_key /etc/ssl/key.pem;
    location /once { limit_req zone=once; root /srv; }
    location /kept { proxy_cache kept; proxy_cache_valid 1h; proxy_pass http://behind; add_header X-Kept $upstream_cache_status; }
    location /turns { proxy_pass http://behind; }
    location = /worker { return 200 "$pid"; }
  }
}
"""
BIG = b"".join(b"line %d of what nginx sends\n" % i for i in range(20000))


class Servers(inside.Case):
    PROGRAMS = ("/usr/bin/redis-server", "/usr/sbin/nginx", "/usr/bin/curl", "/bin/sh", "/usr/bin/sleep")

    @classmethod
    def fill(cls, root):
        root.add_certificate()
        root.write("/etc/passwd", b"root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n")
        root.write("/etc/group", b"root:x:0:\nwww-data:x:33:\n")
        root.write("/etc/hosts", b"127.0.0.1 localhost\n")
        root.write("/srv/small", b"a small file\n")
        root.write("/srv/big", BIG)
        cls.port, cls.other = free_port(), free_port()
        root.write("/etc/nginx.conf", (NGINX % ("off", cls.port, " backlog=64")).encode())
        cls.zones = {name: free_port() for name in ("one", "other", "port", "tls")}
        root.write("/etc/zones.conf", (ZONES % cls.zones).encode())
        root.write("/srv/once/file", b"once\n")
        root.write("/etc/daemon.conf", (NGINX % ("on", cls.other, "")).encode())

    def test_redis_saves_forks_and_reads_what_it_saved(self):
        self.need("/usr/bin/redis-server", "/usr/bin/redis-cli")
        port = str(free_port())

        def ask(*words):
            answer = run("/usr/bin/redis-cli", "-p", port, *words)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            return answer.stdout.decode().strip()

        def is_over(name):
            self.until(lambda: f"{name}:0" in ask("info", "persistence"))

        server = self.start("/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                            "--dir", "/tmp", "--enable-debug-command", "local")  # fmt: skip
        self.wait_for(server, b"Ready to accept connections")
        told = run("/usr/bin/redis-benchmark", "-p", port, "-n", "1000", "-c", "8", "-q", "-t", "set,lpush")
        self.assertEqual(told.returncode, 0, told.stderr)
        ask("debug", "populate", "20000", "key", "100")
        ask("set", "kept", "a value")
        self.assertEqual(ask("bgsave"), "Background saving started")
        is_over("rdb_bgsave_in_progress")
        self.assertEqual(ask("debug", "reload", "nosave", "noflush", "merge"), "OK")
        self.assertIn("append only file rewriting", ask("bgrewriteaof"))
        ask("set", "later", "another")
        is_over("aof_rewrite_in_progress")
        state = ask("info", "persistence")
        self.assertIn("rdb_last_bgsave_status:ok", state)
        self.assertIn("aof_last_bgrewrite_status:ok", state)
        digest = ask("debug", "digest")
        self.assertEqual(ask("debug", "loadaof"), "OK")
        self.assertEqual((ask("get", "kept"), ask("get", "later"), ask("dbsize")), ("a value", "another", "20004"))
        self.assertEqual(ask("debug", "digest"), digest)
        ask("shutdown")
        self.assertEqual(server.wait(30), 0)

    def fetch(self, path, port):
        return run("/usr/bin/curl", "-sS", "-m", "20", f"http://127.0.0.1:{port}{path}").stdout

    def workers(self, port):
        return {self.fetch("/worker", port) for _ in range(40)}

    def test_nginx_serves_by_two_workers_and_changes_them(self):
        self.need("/usr/sbin/nginx", "/usr/bin/wrk", "/usr/bin/curl")
        server = self.start("/usr/sbin/nginx", "-c", "/etc/nginx.conf")
        for number in range(2):
            self.wait_for(server, b"start worker process %d" % (number + 2))
        self.assertEqual(self.until(lambda: self.fetch("/small", self.port)), b"a small file\n")
        self.assertEqual(self.fetch("/big", self.port), BIG)
        self.assertIn(b"404 Not Found", self.fetch("/none", self.port))
        for path in ("/small", "/big"):
            told = run("/usr/bin/wrk", "-t", "2", "-c", "8", "-d", "1", f"http://127.0.0.1:{self.port}{path}").stdout
            self.assertNotIn(b"Non-2xx", told)
            self.assertNotIn(b"Socket errors", told)
            self.assertGreater(int(re.search(rb"(\d+) requests in", told)[1]), 20, told)
        before = self.workers(self.port)
        self.assertLessEqual(before, {b"2", b"3"})
        server.send_signal(signal.SIGHUP)
        for _ in range(2):
            self.wait_for(server, b"exited with code 0")
        after = self.workers(self.port)
        self.assertTrue(after)
        self.assertFalse(after & before)
        server.send_signal(signal.SIGQUIT)
        self.assertIn(b"gracefully shutting down", server.stdout.read())
        self.assertEqual(server.wait(30), 0)

    def test_nginx_shares_zones_between_its_workers(self):
        self.need("/usr/sbin/nginx", "/usr/bin/wrk", "/usr/bin/curl", "/usr/bin/openssl")
        server = self.start("/usr/sbin/nginx", "-c", "/etc/zones.conf")
        for number in range(2):
            self.wait_for(server, b"start worker process %d" % (number + 2))
        port = self.zones["port"]
        self.until(lambda: self.fetch("/worker", port))

        def codes(path, times):
            urls = [f"http://127.0.0.1:{port}{path}"] * times
            words = sum((["-o", "/dev/null"] for _ in urls), [])
            answers = run("/usr/bin/curl", "-sS", "-m", "60", "-w", "%{http_code} %header{x-kept}\n", "-H", "Connection: close", *words, *urls).stdout
            return answers.decode().split("\n")[:-1]

        self.assertEqual(codes("/once/file", 12), ["200 "] + ["503 "] * 11)
        self.assertEqual(codes("/once/none", 2), ["404 ", "503 "])
        self.assertEqual(codes("/kept", 1), ["200 MISS"])
        self.until(lambda: codes("/kept", 1) == ["200 HIT"])  # it is kept once it has been sent, not before
        self.assertEqual(codes("/kept", 12), ["200 HIT"] * 12)
        turns = [self.fetch("/turns", port) for _ in range(12)]
        self.assertEqual(sorted(turns), [b"one"] * 6 + [b"other"] * 6)
        for path in ("/kept", "/turns"):
            told = run("/usr/bin/wrk", "-t", "2", "-c", "8", "-d", "1", f"http://127.0.0.1:{port}{path}").stdout
            self.assertNotIn(b"Non-2xx", told)
            self.assertNotIn(b"Socket errors", told)
            self.assertGreater(int(re.search(rb"(\d+) requests in", told)[1]), 20, told)
        session = run("/usr/bin/openssl", "s_client", "-connect", f"127.0.0.1:{self.zones['tls']}", "-tls1_2", "-reconnect").stdout
        self.assertEqual((session.count(b"New, "), session.count(b"Reused, ")), (1, 5), session)
        server.send_signal(signal.SIGQUIT)
        self.assertIn(b"gracefully shutting down", server.stdout.read())
        self.assertEqual(server.wait(30), 0)

    def test_nginx_is_a_daemon(self):
        self.need("/usr/sbin/nginx", "/usr/bin/curl")
        server = self.start("/bin/sh", "-c", "nginx -c /etc/daemon.conf; read line; kill -QUIT $(read pid </tmp/nginx.pid; echo $pid); "
                            "while [ -e /tmp/nginx.pid ]; do sleep 0.1; done; echo the end")  # fmt: skip
        self.assertEqual(self.until(lambda: self.fetch("/small", self.other)), b"a small file\n")
        self.assertEqual(self.fetch("/big", self.other), BIG)
        server.stdin.write(b"\n")
        server.stdin.flush()
        self.wait_for(server, b"the end")
        self.assertEqual(server.wait(30), 0)

    def test_curl_asks_by_tls(self):
        self.need("/usr/bin/curl", "/usr/bin/openssl")
        port = str(free_port())
        server = subprocess.Popen(["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:" + port, "-cert", "../etc/ssl/cert.pem", "-key", "../etc/ssl/key.pem",
                                   "-WWW"], cwd=self.root.path + "/srv", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.kill)
        self.wait_for(server, b"ACCEPT")
        url = f"https://localhost:{port}/"
        got = self.inside("/usr/bin/curl", "-sS", "-m", "30", "--cacert", "/etc/ssl/cert.pem", url + "big")
        self.assertEqual((got.returncode, got.stdout), (0, BIG), got.stderr)
        refused = self.inside("/usr/bin/curl", "-sS", "-m", "30", "--cacert", "/srv/small", url + "big")
        self.assertEqual((refused.returncode, refused.stdout), (77, b""))  # no certificate in it


if __name__ == "__main__":
    tap.main()
