"""Registries to pull from: Debian's docker-registry, and one that misbehaves on demand."""
import base64
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from .ports import free_port

REGISTRY = "/usr/bin/docker-registry"


def make_certificates(folder, names="DNS:localhost,IP:127.0.0.1"):
    """An authority and a certificate for `names` by it; returns the paths of authority, certificate, key."""
    paths = [os.path.join(folder, name) for name in ("ca.pem", "server.pem", "server.key", "ca.key", "server.csr", "ext")]
    authority, certificate, key, authority_key, request, extensions = paths
    with open(extensions, "w", encoding="ascii") as out:
        out.write(f"subjectAltName={names}\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
            ["req", "-x509", *curve, "-keyout", authority_key, "-out", authority, "-days", "2", "-subj", "/CN=test CA"],
            ["req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
            ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2",
             "-extfile", extensions, "-out", certificate]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return authority, certificate, key


class DockerRegistry:
    """docker-registry below `folder`; with `tls` (certificate, key) and `users` {name: password}."""

    def __init__(self, folder, tls=None, users=None):
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        lines = ["version: 0.1", "log: {level: error}", f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}", "http:",
                 f"  addr: 127.0.0.1:{self.port}"]
        if tls:
            lines.append(f"  tls: {{certificate: {tls[0]}, key: {tls[1]}}}")
        if users:
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
            entries = [subprocess.run(["htpasswd", "-nbB", name, password], check=True, stdout=subprocess.PIPE).stdout
                       for name, password in users.items()]
            with open(os.path.join(folder, "htpasswd"), "wb") as out:
                out.write(b"".join(entries))
        config = os.path.join(folder, "config.yml")
        with open(config, "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
        self.process = subprocess.Popen([REGISTRY, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_port()

    def await_port(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("docker-registry does not listen")

    def close(self):
        self.process.kill()
        self.process.wait()


class FaultyRegistry:
    """Serves the blobs and manifests of `image` as /v2/app/…, and does to each request what `faults` say.

    A fault is a function of the handler that returns True when it has answered; faults[path] is a list of
    them, each used once, in order. All requests are noted in `log` as (path, headers).
    """

    def __init__(self, image, top=None, tls=None):
        registry = self
        self.image, self.top = image, (top or image.manifest)
        self.faults, self.log, self.token, self.credentials, self.identity_token = {}, [], None, None, None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                registry.handle(self)

            def do_POST(self):
                registry.handle(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args):
                """A client that hangs up on us is what many tests want."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, path, *faults):
        self.faults.setdefault(path, []).extend(faults)

    def requests(self, path):
        return [headers for seen, headers in self.log if seen == path]

    def handle(self, handler, form=None):
        path = urllib.parse.urlsplit(handler.path).path
        self.log.append((path, {key.lower(): value for key, value in handler.headers.items()}))
        waiting = self.faults.get(path)
        if waiting and waiting.pop(0)(handler):
            return
        if path == "/token" and form is not None:
            self.give_token_for_form(handler, urllib.parse.parse_qs(form))
        elif path == "/token":
            self.give_token(handler)
        elif self.token and handler.headers.get("Authorization") != "Bearer " + self.token:
            challenge = f'Bearer realm="http://{self.host}/token",service="test",scope="repository:app:pull"'
            answer(handler, 401, b"{}", {"WWW-Authenticate": challenge})
        else:
            self.give(handler, path)

    def give_token(self, handler):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        basic = "Basic " + base64.b64encode(self.credentials.encode()).decode() if self.credentials else None
        if query.get("service") != ["test"] or query.get("scope") != ["repository:app:pull"]:
            answer(handler, 400, b"{}")
        elif basic and handler.headers.get("Authorization") != basic:
            answer(handler, 401, b"{}")
        else:
            answer(handler, 200, json.dumps({"token": self.token}).encode(), {"Content-Type": "application/json"})

    def give_token_for_form(self, handler, form):
        """OAuth2, as the distribution specification has it: an identity token for a token."""
        wanted = {"service": ["test"], "scope": ["repository:app:pull"], "grant_type": ["refresh_token"],
                  "client_id": ["caisson"], "refresh_token": [self.identity_token]}
        if form != wanted:
            answer(handler, 401, b"{}")
        else:
            answer(handler, 200, json.dumps({"access_token": self.token}).encode(), {"Content-Type": "application/json"})

    def give(self, handler, path):
        kind, name = path.split("/")[-2:]
        if kind == "manifests" and name == "latest":
            name = self.top["digest"]
        data = self.image.blobs.get(name)
        if data is None or not path.startswith("/v2/app/"):
            answer(handler, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such thing"}]}')
            return
        headers = {}
        if kind == "manifests":
            headers["Content-Type"] = json.loads(data).get("mediaType", "")
        give_data(handler, data, headers)


def answer(handler, status, body, headers=None):
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


def give_data(handler, data, headers=None):
    """The whole, or what a Range asks for."""
    wanted = handler.headers.get("Range")
    headers = dict(headers or {})
    if not wanted:
        return answer(handler, 200, data, headers)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return answer(handler, 206, data[start:], headers)


def status(code, headers=None, body=b"{}"):
    return lambda handler: answer(handler, code, body, headers)


def redirect(url, code=307):
    return status(code, {"Location": url}, b"")


def cut(data, size):
    """Promises all of `data`, sends `size` bytes and hangs up."""
    def fault(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:size])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return True
    return fault
